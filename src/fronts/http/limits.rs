//! What may come in over HTTP, in one place.

use std::time::Duration;

/// A completion's body. docs/PROTOCOL.md (h): the real gateway's 20 MB; images come inside it.
pub const COMPLETION_BYTES_MAX: usize = 20 * 1024 * 1024;

/// The call of a tool. The real gateway's 2 MB.
pub const TOOL_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How long a body may take to arrive. At the limit above this is 0.7 MB/s; whoever is slower keeps
/// memory that others need.
pub const BODY_DEADLINE: Duration = Duration::from_secs(30);

/// A text of the client that is echoed in an error, in characters.
pub const ECHO_CHARS_MAX: usize = 128;

/// Pictures in the newest message. The protocol's OpenAI page: 8.
pub const IMAGES_MAX: usize = 8;

/// One picture, decoded. The protocol's OpenAI page: 10 MB.
pub const IMAGE_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Texts of one call for vectors. OpenAI's 2,048.
pub const TEXTS_MAX: usize = 2048;

/// Tools of one call. OpenAI's 128.
pub const TOOLS_MAX: usize = 128;
