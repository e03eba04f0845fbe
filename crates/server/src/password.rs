//! Passwords: made at random, read from standard input, or asked for without being shown.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};

use nix::sys::termios::{self, LocalFlags, SetArg};

/// Characters that are not mistaken for each other.
const ALPHABET: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz23456789x";
/// Characters of a random password; 80 bits.
const RANDOM_LENGTH: usize = 16;

/// A random password of 80 bits, in groups of four.
///
/// # Errors
/// The system has no random source.
pub fn random() -> io::Result<String> {
    let mut octets = [0u8; RANDOM_LENGTH];
    fill_random(&mut octets)?;
    let mut password = String::with_capacity(RANDOM_LENGTH + 3);
    for (position, octet) in octets.iter().enumerate() {
        if position > 0 && position % 4 == 0 {
            password.push('-');
        }
        password.push(char::from(
            ALPHABET
                .get(usize::from(octet & 31))
                .copied()
                .unwrap_or(b'x'),
        ));
    }
    Ok(password)
}

/// Octets from the operating system's random source.
///
/// # Errors
/// The system has no random source.
pub fn fill_random(octets: &mut [u8]) -> io::Result<()> {
    File::open("/dev/urandom")?.read_exact(octets)
}

/// The first line of standard input.
///
/// # Errors
/// Standard input cannot be read or is empty.
pub fn from_stdin() -> io::Result<String> {
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "no password on standard input",
        )),
        false => Ok(password.to_owned()),
    }
}

/// Asks on the terminal, twice if `confirm`, without showing what is typed.
///
/// # Errors
/// There is no terminal, or the two differ.
pub fn ask(prompt: &str, confirm: bool) -> io::Result<String> {
    if !io::stdin().is_terminal() {
        return Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "standard input is no terminal; use --password-stdin",
        ));
    }
    let password = ask_once(prompt)?;
    if confirm && ask_once("once more: ")? != password {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the two passwords differ; nothing was changed",
        ));
    }
    Ok(password)
}

fn ask_once(prompt: &str) -> io::Result<String> {
    let terminal = io::stdin();
    eprint!("{prompt}");
    io::stderr().flush()?;
    let shown = termios::tcgetattr(&terminal)?;
    let mut hidden = shown.clone();
    hidden.local_flags.remove(LocalFlags::ECHO);
    termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &hidden)?;
    let mut line = String::new();
    let read = terminal.lock().read_line(&mut line);
    termios::tcsetattr(&terminal, SetArg::TCSAFLUSH, &shown)?;
    eprintln!();
    read?;
    let password = line.trim_end_matches(['\r', '\n']);
    match password.is_empty() {
        true => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the password is empty; nothing was changed",
        )),
        false => Ok(password.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn random_passwords_differ_and_have_their_form() {
        let (a, b) = (
            super::random().expect("a password"),
            super::random().expect("a password"),
        );
        assert_ne!(a, b);
        assert_eq!(a.split('-').map(str::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
    }
}
