//! The order to stop: given once, heard by everyone who asks.

use tokio_util::sync::CancellationToken;

/// A handle on the order to stop. Clones hear the same order.
#[derive(Debug, Clone, Default)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Gives the order. Giving it twice is harmless.
    pub fn begin(&self) {
        self.0.cancel();
    }

    /// Whether the order was given.
    pub fn has_begun(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Returns once the order is given.
    pub async fn begun(&self) {
        self.0.cancelled().await;
    }
}
