//! The command line's way to a running server: HTTP/1.1 over the UNIX socket, one request per connection
//! (RFC 9112, as far as our own server uses it).

use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use strowger_admin::ControlError;

use crate::exit::{Exit, Failure};

/// How long an answer may take; an import of a million accounts is the longest.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(120);
/// Octets of a status line or header field.
const LINE_OCTETS_MAX: u64 = 16_384;

/// A running server.
#[derive(Clone, Debug)]
pub struct Server {
    socket: PathBuf,
}

/// An answer whose body is still to be read.
struct Answer {
    status: u16,
    chunked: bool,
    length: Option<u64>,
    reader: BufReader<UnixStream>,
}

impl Server {
    /// The server at this socket, if one answers.
    pub fn find(socket: &Path) -> Option<Server> {
        UnixStream::connect(socket).ok().map(|_| Server {
            socket: socket.to_owned(),
        })
    }

    /// GET.
    ///
    /// # Errors
    /// The server refused, or does not answer.
    pub fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Failure> {
        self.order("GET", path, None::<&()>)
    }

    /// Any method, with a body where there is one.
    ///
    /// # Errors
    /// The server refused, or does not answer.
    pub fn order<T: DeserializeOwned>(
        &self,
        method: &str,
        path: &str,
        body: Option<&impl Serialize>,
    ) -> Result<T, Failure> {
        let body = body
            .map(serde_json::to_vec)
            .transpose()
            .map_err(|error| lost(&error.into()))?;
        let mut answer = self
            .send(method, path, body.as_deref(), Some(ANSWER_TIMEOUT))
            .map_err(|error| lost(&error))?;
        let octets = answer.body().map_err(|error| lost(&error))?;
        if answer.status == 200 {
            return serde_json::from_slice(&octets).map_err(|error| lost(&error.into()));
        }
        let message = serde_json::from_slice::<serde_json::Value>(&octets)
            .ok()
            .and_then(|value| {
                value
                    .get("error")
                    .and_then(|text| text.as_str())
                    .map(str::to_owned)
            })
            .unwrap_or_else(|| String::from_utf8_lossy(&octets).into_owned());
        Err(ControlError::from_status(answer.status, message).into())
    }

    /// Calls `line` for each line of a streaming answer until it returns false or the server ends.
    ///
    /// # Errors
    /// The server refused, or does not answer.
    pub fn stream(&self, path: &str, mut line: impl FnMut(&str) -> bool) -> Result<(), Failure> {
        let mut answer = self
            .send("GET", path, None, None)
            .map_err(|error| lost(&error))?;
        let mut rest = Vec::new();
        while let Some(chunk) = answer.chunk().map_err(|error| lost(&error))? {
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|octet| *octet == b'\n') {
                let whole: Vec<u8> = rest.drain(..=end).collect();
                if !line(String::from_utf8_lossy(&whole).trim_end()) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&[u8]>,
        timeout: Option<Duration>,
    ) -> io::Result<Answer> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(timeout)?;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        let body = body.unwrap_or_default();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body)?;
        Answer::read(BufReader::new(stream))
    }
}

impl Answer {
    fn read(mut reader: BufReader<UnixStream>) -> io::Result<Answer> {
        let first = read_line(&mut reader)?;
        let status = first
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .ok_or_else(malformed)?;
        let mut answer = Answer {
            status,
            chunked: false,
            length: None,
            reader,
        };
        loop {
            let line = read_line(&mut answer.reader)?;
            let Some((name, value)) = line.split_once(':') else {
                break;
            };
            match name.to_ascii_lowercase().as_str() {
                "content-length" => answer.length = value.trim().parse().ok(),
                "transfer-encoding" => {
                    answer.chunked = value.trim().eq_ignore_ascii_case("chunked")
                }
                _ => {}
            }
        }
        Ok(answer)
    }

    fn body(&mut self) -> io::Result<Vec<u8>> {
        let mut octets = Vec::new();
        if self.chunked {
            while let Some(chunk) = self.chunk()? {
                octets.extend_from_slice(&chunk);
            }
        } else {
            let length = self.length.unwrap_or(u64::MAX);
            (&mut self.reader).take(length).read_to_end(&mut octets)?;
        }
        Ok(octets)
    }

    /// The next chunk; `None` at the end.
    fn chunk(&mut self) -> io::Result<Option<Vec<u8>>> {
        if !self.chunked {
            let octets = self.body()?;
            self.length = Some(0);
            return Ok((!octets.is_empty()).then_some(octets));
        }
        let size = match read_line(&mut self.reader) {
            Ok(line) => u64::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)
                .map_err(|_| malformed())?,
            // The server ended.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut octets = Vec::new();
        (&mut self.reader).take(size).read_to_end(&mut octets)?;
        read_line(&mut self.reader)?;
        Ok((size > 0).then_some(octets))
    }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    if reader.take(LINE_OCTETS_MAX).read_line(&mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(line.trim_end().to_owned())
}

fn malformed() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the answer is no HTTP")
}

fn lost(error: &io::Error) -> Failure {
    let message = match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
            "the server does not answer".to_owned()
        }
        io::ErrorKind::UnexpectedEof
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::ConnectionReset => "the server ended before it answered".to_owned(),
        _ => format!("the server cannot be asked: {error}"),
    };
    Failure::new(Exit::NotRunning, message)
}

/// A part of a path or query with everything escaped that is not plain.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for octet in text.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                out.push(char::from(octet))
            }
            _ => out.push_str(&format!("%{octet:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_escaped() {
        assert_eq!(super::escaped("a b/c@d#é"), "a%20b%2Fc%40d%23%C3%A9");
    }
}
