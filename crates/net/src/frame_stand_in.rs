//! Stand-in until sip publishes its framer.
use strowger_sip::Limits;
#[derive(Debug)]
pub enum Frame {
    Message(Vec<u8>),
    KeepAlivePing,
    KeepAlivePong,
}
#[derive(Debug)]
pub struct FrameError;
#[derive(Debug)]
pub struct StreamFramer(Vec<u8>);
impl StreamFramer {
    pub fn new(_: &Limits) -> StreamFramer {
        StreamFramer(Vec::new())
    }
    pub fn push(&mut self, o: &[u8]) {
        self.0.extend_from_slice(o)
    }
    pub fn buffered(&self) -> usize {
        self.0.len()
    }
    pub fn next_frame(&mut self) -> Result<Option<Frame>, FrameError> {
        if self.0.starts_with(b"\r\n\r\n") {
            self.0.drain(..4);
            return Ok(Some(Frame::KeepAlivePing));
        }
        let Some(end) = self.0.windows(4).position(|w| w == b"\r\n\r\n") else {
            return Ok(None);
        };
        if !self.0.windows(8).any(|w| w == b"SIP/2.0\r") && !self.0.starts_with(b"SIP/2.0") {
            return Err(FrameError);
        }
        Ok(Some(Frame::Message(self.0.drain(..end + 4).collect())))
    }
}
