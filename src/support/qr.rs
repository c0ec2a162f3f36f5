//! A text as a QR code (ISO/IEC 18004), and that as a picture which a page can show.
//!
//! The picture is a PNG with one bit a pixel, written here: black squares need no compression, and a
//! picture library would be the largest crate of the house.

use base64::{Engine, prelude::BASE64_STANDARD};
use qrcode::{Color, EcLevel, QrCode};

/// The white margin that a reader needs, in modules: four, by the standard.
const MARGIN: usize = 4;

/// How many pixels a module may be wide; the largest that keeps the picture small is taken.
const SCALES: std::ops::RangeInclusive<usize> = 1..=6;

/// The longest data URL, in characters; the protocol's schema allows no more.
const DATA_URL_CHARS_MAX: usize = 16_384;

/// A QR code.
pub struct Qr {
    dark: Vec<bool>,
    width: usize,
}

impl Qr {
    /// Encodes a text. `None` if it is too long for any QR code (about 2,300 bytes).
    pub fn new(text: &str) -> Option<Self> {
        let code = QrCode::with_error_correction_level(text, EcLevel::M).ok()?;
        let width = code.width();
        let dark = code.into_colors().into_iter().map(|color| color == Color::Dark).collect();
        Some(Self { dark, width })
    }

    /// How many modules it is wide and high, without the margin.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Whether a module is dark. The margin around the code is light.
    pub fn is_dark(&self, column: usize, row: usize) -> bool {
        column < self.width && row < self.width && self.dark[row * self.width + column]
    }

    /// The picture as `data:image/png;base64,…`. `None` if even the smallest is too long for a page.
    pub fn png_data_url(&self) -> Option<String> {
        let urls = SCALES.rev().map(|scale| {
            format!("data:image/png;base64,{}", BASE64_STANDARD.encode(self.png(scale)))
        });
        urls.into_iter().find(|url| url.len() <= DATA_URL_CHARS_MAX)
    }

    /// A PNG (ISO/IEC 15948) of one bit a pixel, `scale` pixels a module.
    fn png(&self, scale: usize) -> Vec<u8> {
        let side = (self.width + 2 * MARGIN) * scale;
        let mut png = b"\x89PNG\r\n\x1a\n".to_vec();
        let mut header = Vec::with_capacity(13);
        let pixels = u32::try_from(side).unwrap_or(u32::MAX).to_be_bytes();
        header.extend(pixels);
        header.extend(pixels);
        // One bit, grey; deflate, adaptive filters, not interlaced: the only methods there are.
        header.extend([1, 0, 0, 0, 0]);
        chunk(&mut png, b"IHDR", &header);
        chunk(&mut png, b"IDAT", &zlib(&self.scanlines(scale, side)));
        chunk(&mut png, b"IEND", &[]);
        png
    }

    /// Every line of pixels: its filter, which is none, and its bits, of which 1 is white.
    fn scanlines(&self, scale: usize, side: usize) -> Vec<u8> {
        let mut lines = Vec::with_capacity(side * (side / 8 + 2));
        for y in 0..side {
            lines.push(0);
            for first in (0..side).step_by(8) {
                let bits = (first..first + 8).map(|x| u8::from(!self.is_ink(x / scale, y / scale)));
                lines.push(bits.fold(0, |byte, bit| byte << 1 | bit));
            }
        }
        lines
    }

    fn is_ink(&self, column: usize, row: usize) -> bool {
        let within = |at: usize| at.checked_sub(MARGIN);
        within(column).zip(within(row)).is_some_and(|(column, row)| self.is_dark(column, row))
    }
}

/// One chunk: its length, its kind, its bytes, and their CRC.
fn chunk(png: &mut Vec<u8>, kind: &[u8; 4], bytes: &[u8]) {
    png.extend(u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
    let begun = png.len();
    png.extend(kind);
    png.extend(bytes);
    let crc = crc32fast::hash(&png[begun..]);
    png.extend(crc.to_be_bytes());
}

/// Bytes in zlib's clothes (RFC 1950), stored as they are (RFC 1951, section 3.2.4).
fn zlib(bytes: &[u8]) -> Vec<u8> {
    const BLOCK_BYTES_MAX: usize = 65_535;
    let mut out = vec![0x78, 0x01];
    let count = bytes.len().div_ceil(BLOCK_BYTES_MAX);
    for (at, block) in bytes.chunks(BLOCK_BYTES_MAX).enumerate() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(at + 1 == count));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(adler32(bytes).to_be_bytes());
    out
}

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65_521;
    let (low, high) = bytes.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % MODULUS;
        (low, (high + low) % MODULUS)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A code of version 1 has 21 modules and a finder in three corners.
    #[test]
    fn the_finders_are_where_they_belong() {
        let qr = Qr::new("hello").unwrap();
        assert_eq!(qr.width(), 21);
        for (column, row, dark) in [
            (0, 0, true),
            (1, 1, false),
            (3, 3, true),
            (7, 7, false),
            (20, 0, true),
            (17, 3, true),
            (0, 20, true),
            (3, 17, true),
            (20, 21, false),
            (21, 20, false),
        ] {
            assert_eq!(qr.is_dark(column, row), dark, "{column}, {row}");
        }
        assert!(Qr::new(&"x".repeat(3000)).is_none());
    }

    #[test]
    fn the_picture_is_as_large_as_a_page_may_have_it() {
        for (length, side) in [(160, 305), (2000, 177)] {
            let qr = Qr::new(&"x".repeat(length)).unwrap();
            let url = qr.png_data_url().unwrap();
            assert!(url.len() <= 16_384, "{length}: {}", url.len());
            let png = BASE64_STANDARD.decode(url.split_once(',').unwrap().1).unwrap();
            let pixels = u32::try_from(side).unwrap().to_be_bytes();
            assert_eq!((&png[16..20], &png[20..24]), (&pixels[..], &pixels[..]), "{length}");
        }
    }

    /// Checksums of published examples.
    #[test]
    fn the_checksums_are_those_of_the_standards() {
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
        let mut end = Vec::new();
        chunk(&mut end, b"IEND", &[]);
        assert_eq!(end, [0, 0, 0, 0, b'I', b'E', b'N', b'D', 0xae, 0x42, 0x60, 0x82]);
    }
}
