//! Functions of patterns answer as those of the VM do.

use proptest::prelude::*;
use proptest::sample::select;
use strowger_lua::{Call, HostSettings, Outcome, Value};

use crate::world::World;

/// Calls of every function, errors included, as one text.
const SCRIPT: &str = "
local function show(...)
    local words = {}
    for i = 1, select('#', ...) do
        local value = select(i, ...)
        words[i] = type(value) .. ' ' .. tostring(value)
    end
    return table.concat(words, ', ')
end
function all(s, p, from, replacement, most)
    local lines, seen = {}, {}
    local function add(name, ...) lines[#lines + 1] = name .. ': ' .. show(...) end
    add('find', pcall(string.find, s, p, from))
    add('match', pcall(string.match, s, p, from))
    add('gmatch', pcall(function()
        for a, b, c in string.gmatch(s, p) do add('next', a, b, c) end
        return true
    end))
    add('gsub', pcall(string.gsub, s, p, replacement))
    add('gsub some', pcall(string.gsub, s, p, replacement, most))
    add('gsub function', pcall(string.gsub, s, p, function(...)
        seen[#seen + 1] = show(...)
        return #seen % 2 == 0 and #seen
    end, most))
    add('gsub table', pcall(string.gsub, s, p, { a = 'A', ab = 7, [1] = 'one', ['('] = false }))
    add('gsub wrong', pcall(string.gsub, s, p, { a = {} }))
    add('seen', unpack(seen))
    local ok, e = pcall(function() return (s:find(p)) end)
    add('place', ok, e)
    return table.concat(lines, '\\n')
end
";

struct Pair {
    ours: World,
    theirs: mlua::Function,
    _lua: mlua::Lua,
}

impl Pair {
    fn new() -> Self {
        let lua = mlua::Lua::new();
        lua.load(SCRIPT).set_name("@main.lua").exec().unwrap();
        let settings = HostSettings {
            slice: std::time::Duration::from_secs(60),
            ..HostSettings::default()
        };
        Pair {
            ours: World::with(settings, SCRIPT),
            theirs: lua.globals().get("all").unwrap(),
            _lua: lua,
        }
    }

    /// The answers of both, the VM's own second.
    fn answers(&mut self, case: &Case, pattern: &[u8]) -> (String, String) {
        let arguments = [
            Value::Text(case.subject.clone()),
            Value::Text(pattern.to_vec()),
            Value::Int(case.from),
            Value::Text(case.replacement.clone()),
            Value::Int(case.most),
        ];
        let entry = self.ours.host.entry("all");
        let request = self.ours.request();
        let call = Call::of(entry).with(&arguments);
        let ours = match self.ours.host.call(call, request, self.ours.now).outcome {
            Outcome::Returned(values) => match values.first() {
                Some(Value::Text(text)) => String::from_utf8_lossy(text).into_owned(),
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let theirs: mlua::BString = self
            .theirs
            .call((
                mlua::BString::from(case.subject.clone()),
                mlua::BString::from(pattern),
                case.from,
                mlua::BString::from(case.replacement.clone()),
                case.most,
            ))
            .unwrap();
        (ours, String::from_utf8_lossy(&theirs).into_owned())
    }

    /// Compares with the pattern as it is, and with one that the VM's own function is never given: a pattern ends at its
    /// first zero.
    fn check(&mut self, case: &Case) {
        let (ours, theirs) = self.answers(case, &case.pattern);
        assert_eq!(ours, theirs, "{case:?}");
        let with_zero = [case.pattern.as_slice(), b"\0+"].concat();
        let (ours, theirs) = self.answers(case, &with_zero);
        assert_eq!(ours, theirs, "with a zero, {case:?}");
    }
}

#[derive(Clone, Debug)]
struct Case {
    subject: Vec<u8>,
    pattern: Vec<u8>,
    from: i64,
    replacement: Vec<u8>,
    most: i64,
}

fn case(subject: &[u8], pattern: &[u8]) -> Case {
    Case {
        subject: subject.to_vec(),
        pattern: pattern.to_vec(),
        from: 1,
        replacement: b"<%0>".to_vec(),
        most: 2,
    }
}

const CASES: &[(&[u8], &[u8])] = &[
    (b"hello world", b""),
    (b"hello world", b"o w"),
    (b"hello world", b"^hello"),
    (b"hello world", b"^world"),
    (b"hello world", b"world$"),
    (b"a$b^c", b"a$b^c"),
    (b"  trim me  ", b"^%s*(.-)%s*$"),
    (b"k1=v1, k2 = v2", b"(%w+)%s*=%s*(%w+)"),
    (
        b"sip:alice@example.com:5060;transport=tcp",
        b"^sips?:([^@]+)@([^:;]+):?(%d*)",
    ),
    (b"THE (quick) fox", b"%((%a+)%)"),
    (b"THE (quick) fox", b"%f[%a]%a+%f[%A]"),
    (b"THE (quick) fox", b"%f[%z]"),
    (b"f(a(b)c)d)", b"%b()"),
    (b"f(a(b)c)d)", b"%b"),
    (b"f(a(b)c)d)", b"%b("),
    (b"aaa", b"%baa"),
    (b"\"say 'hi'\" 'x'", b"([\"'])(.-)%1"),
    (b"abcabc", b"(abc)%1"),
    (b"abcabc", b"()%1"),
    (b"abcabc", b"(a%1)"),
    (b"abc", b"%1"),
    (b"abc", b"%0"),
    (b"abc", b"()b()"),
    (b"abc", b"(b"),
    (b"abc", b"b)"),
    (b"abc", b"x%"),
    (b"abc", b"b%"),
    (b"abc", b"[a"),
    (b"abc", b"z[a"),
    (b"abc", b"[]"),
    (b"abc", b"[^]"),
    (b"abc", b"[%"),
    (b"abc", b"[%]"),
    (b"a]b", b"[]]"),
    (b"a]b", b"[^]]+"),
    (b"a-b%c", b"[a-]+"),
    (b"a-b%c", b"[-b]"),
    (b"a-b%c", b"[a-%%]"),
    (b"a-b%c", b"[%a-z]+"),
    (b"a-b%c", b"[c-a]"),
    (b"abc", b"%f"),
    (b"abc", b"%fa"),
    (b"abc", b"%f[a"),
    (b"a**b", b"**"),
    (b"a+b", b"a++b"),
    (b"a^b", b"a^b"),
    (b"^ab", b"^^ab"),
    (b"aXb1 _\x7f\x80\xff\0", b"[%W]"),
    (b"aXb1 _\x7f\x80\xff\0", b"%g+"),
    (b"aXb1 _\x7f\x80\xff\0", b"%c"),
    (b"aXb1 _\x7f\x80\xff\0", b"%Z*"),
    (b"aXb1 _\x7f\x80\xff\0", b"[\x80-\xff]+"),
    (b"a\0b", b"a%zb"),
    (b"a\0b", b"a\0b"),
    (b"aaaaaaaaaaaaaaaaaaaaaaab", b"a?a?a?a?a?a?a?aaaaaaab"),
];

#[test]
fn patterns_match_as_in_the_vm() {
    let mut pair = Pair::new();
    for (subject, pattern) in CASES {
        pair.check(&case(subject, pattern));
    }
}

#[test]
fn classes_hold_what_the_vm_says_they_do() {
    let mut pair = Pair::new();
    let every: Vec<u8> = (0..=u8::MAX).collect();
    for letter in 1..=u8::MAX {
        if !matches!(letter, b'b' | b'f') {
            pair.check(&case(&every, &[b'%', letter, b'+']));
        }
        pair.check(&case(&every, &[b'[', b'%', letter, b']']));
    }
}

#[test]
fn nesting_and_captures_have_the_limits_of_the_vm() {
    let mut pair = Pair::new();
    let subject = [b'a'; 300];
    for count in [31, 32, 33] {
        pair.check(&case(&subject, &b"()".repeat(count)));
        pair.check(&case(&subject, &b"(a)".repeat(count)));
    }
    for item in [b"a?", b"a*", b"a-"] {
        for count in [198, 199, 200, 201] {
            let mut case = case(&subject, &item.repeat(count));
            case.subject.truncate(if item == b"a-" { 2 } else { 250 });
            // More than one match takes too long.
            case.pattern.insert(0, b'^');
            pair.check(&case);
        }
    }
}

#[test]
fn positions_and_replacements_are_read_as_in_the_vm() {
    let mut pair = Pair::new();
    for from in [-100, -7, -6, -1, 0, 1, 2, 6, 7, 8, 100] {
        pair.check(&Case {
            from,
            ..case(b"abcabc", b"%f[abc]a(b*)c")
        });
    }
    for replacement in ["%", "%%", "%1", "%2", "%9", "x%", "%a", "%0%0", "", "a\0b"] {
        for pattern in ["b", "(b)", "()b", "(a)(b)", "(b"] {
            for most in [-1, 0, 1, 5] {
                pair.check(&Case {
                    replacement: replacement.as_bytes().to_vec(),
                    most,
                    ..case(b"abcab", pattern.as_bytes())
                });
            }
        }
    }
}

#[test]
fn wrong_arguments_are_refused_with_the_words_of_the_vm() {
    let script = "
        function show(f, ...) local ok, e = pcall(f, ...) return tostring(ok) .. ' ' .. tostring(e) end
        function all()
            local s = string
            return table.concat({
                show(s.find, {}, 'a'), show(s.find, 'a', {}), show(s.find, 'a', 'b', 'c'), show(s.find, nil, 'a+'),
                show(s.find, 1234, 23), show(s.find, 1234, '%d', '2'), show(s.match, 'a', nil), show(s.match, 12, '(2)'),
                show(s.gmatch, nil, 'a'), show(s.gsub, 'a', 'a'), show(s.gsub, 'a', 'a', true), show(s.gsub, 'a', 'a', 'b', {}),
                show(s.gsub, 121, 1, 3), show(s.gsub, 'aa', 'a', 'b', 1.9), show(s.gsub, 'aa', 'a', function() return 'b' end, '1'),
                show(s.rep, 'a', 'x'), show(s.rep, 'ab', '2'), show(s.rep, 'a', -1), show(s.rep, 'a', 3, ','), show(s.rep, 1.5, 2.7),
                show(s.upper, nil), show(s.upper, 5), show(s.format, '%d', 'x'), show(s.format, '%s %s', 1),
                show(table.concat, { 1, {}, 3 }), show(table.concat, { 1, 2, 3 }, ', ', 2), show(table.concat, {}, 'x', 1, 2),
                show(table.concat, { 1, 2 }, {}), show(table.concat, nil), show(table.concat, { 1, 'a', 2 }, '-', '2', 3),
                show(table.insert, nil, 1), show(table.insert, {}, 1, 2, 3), show(table.insert, {}), show(table.sort, { 1, 'a' }),
                show(table.maxn, { [7] = 1, [2.5] = 1 }), show(unpack, {}, 1, 1e7), show(s.byte, ('x'):rep(10000), 1, -1),
            }, '\\n')
        end";
    let lua = mlua::Lua::new();
    lua.load(script).set_name("@main.lua").exec().unwrap();
    let theirs: String = lua
        .globals()
        .get::<mlua::Function>("all")
        .unwrap()
        .call(())
        .unwrap();
    // An argument that is not there is given on as nil.
    let theirs = theirs.replace("got no value", "got nil");
    let ours = World::of(script)
        .text("all")
        .replace("got no value", "got nil");
    assert_eq!(ours, theirs);
}

fn subjects() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(select(b"aaabbc1 ()]\0-".to_vec()), 0..14)
}

fn patterns() -> impl Strategy<Value = Vec<u8>> {
    let items: Vec<&[u8]> = vec![
        b"a", b"a", b"b", b".", b".", b"%a", b"%d", b"%W", b"%s", b"[ab]", b"[^a]", b"[a-c1]",
        b"[]]", b"[^]-]", b"%f[a]", b"%f[^a]", b"%b()", b"(", b"(", b")", b")", b"()", b"%1",
        b"%2", b"^", b"$", b"%", b"[", b"%z", b"%(", b"%-", b"\0",
    ];
    let item = (select(items), select(vec!["", "", "", "*", "+", "-", "?"]));
    proptest::collection::vec(item, 0..8).prop_map(|items| {
        items
            .into_iter()
            .flat_map(|(item, suffix)| [item, suffix.as_bytes()].concat())
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn random_patterns_match_as_in_the_vm(
        subject in subjects(),
        pattern in patterns(),
        from in -16..18_i64,
        replacement in select(vec!["", "x", "[%0]", "%1", "%2%1", "%"]),
        most in 0..4_i64,
    ) {
        thread_local! {
            static PAIR: std::cell::RefCell<Pair> = std::cell::RefCell::new(Pair::new());
        }
        let replacement = replacement.as_bytes().to_vec();
        let case = Case { subject, pattern, from, replacement, most };
        PAIR.with_borrow_mut(|pair| pair.check(&case));
    }
}
