//! Where in a script something happens.

use mlua::Lua;
use mlua::debug::Debug;

use crate::error::OWN_CHUNK;

/// Frames looked at: our own library stands between a script and the host with a few.
const FRAMES: usize = 16;

/// The innermost line of a script that runs, seen from a function of the host.
pub(crate) fn of_script(lua: &Lua) -> Option<(String, u32)> {
    (0..FRAMES)
        .map_while(|level| lua.inspect_stack(level, of_frame))
        .flatten()
        .next()
}

/// The line that the hook interrupted.
pub(crate) fn of_hook(lua: &Lua, debug: &Debug<'_>) -> Option<(String, u32)> {
    of_frame(debug).or_else(|| of_script(lua))
}

fn of_frame(debug: &Debug<'_>) -> Option<(String, u32)> {
    let line = u32::try_from(debug.current_line()?).ok()?;
    let source = debug.source();
    let file = source.source?;
    let file = file.strip_prefix('@').map(str::to_owned);
    let file = file.or_else(|| source.short_src.map(|text| text.into_owned()))?;
    (file != OWN_CHUNK).then_some((file, line))
}
