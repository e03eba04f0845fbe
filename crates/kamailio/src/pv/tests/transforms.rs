//! Transformations, each with what Kamailio 5.6.3 was observed to give.

use super::*;

fn world() -> World {
    let mut world = World::new(INVITE);
    for (name, value) in [
        ("t", "abcdefgh"),
        ("e", ""),
        ("n", "-12abc"),
        ("sp", "  a b  "),
        ("csv", "a,b,,c"),
        ("p", "a=1;b=2;c;d=\"x;y\";B=9"),
        ("na", "\"Al X\" <sip:alice@a.test;p=1>;tag=9;q=0.5"),
        ("nb", "sip:bob@b.test;tag=8"),
        (
            "u",
            "sip:us:pw@h.test:99;transport=tcp;maddr=1.2.3.4;ttl=3;lr;x=y;method=INVITE;user=phone;r2=on?a=b",
        ),
        ("l", "one\r\ntwo\nthree"),
        ("l2", "a\r\nb\r\n"),
        ("q", "it's \"x\" \\y\0z"),
        ("up", "A b&c=d/e%20+@"),
        ("h", "48656c6c6f"),
        ("b64", "SGVsbG8="),
        ("big", "99999999999"),
        ("hx", "0x1F"),
        ("plus", "+5"),
        ("pn", "b"),
    ] {
        world.set(&format!("$var({name})"), value);
    }
    world.set("$var(i)", 42);
    world.set("$var(two)", 2);
    world
}

#[test]
fn texts() {
    // Observed on 5.6.3, but: s.rbefore without a match read foreign memory there, and s.fmtlines ignores its width.
    insta::assert_snapshot!(world().table(
        "$(var(t){s.len})
         $(var(e){s.len})
         $(var(i){s.len})
         $(var(n){s.int})
         $(var(hx){s.int})
         $(var(big){s.int})
         $(var(plus){s.int})
         $(var(e){s.int})
         $(var(i){s.int})
         $(hdr(X-Num){s.int})
         $(var(t){s.substr,2,3})
         $(var(t){s.substr,-3,2})
         $(var(t){s.substr,2,0})
         $(var(t){s.substr,2,-1})
         $(var(t){s.substr,9,1})
         $(var(t){s.substr,2,99})
         $(var(t){s.substr,-30,0})
         $(var(i){s.substr,1,1})
         $(var(t){s.substr, 2, 3})
         $(var(t){s.substr,$var(two),$var(two)})
         $(var(csv){s.select,0,,})
         $(var(csv){s.select,2,,})
         $(var(csv){s.select,-1,,})
         $(var(csv){s.select,9,,})
         $(var(csv){s.select,-9,,})
         $(var(u){s.select,1,:})
         $(ci{s.select,0,@})
         $(var(t){s.strip,2})
         $(var(t){s.strip,20})
         $(var(t){s.striptail,2})
         $(var(t){s.strip,-1})
         $(var(t){s.toupper})
         $(rP{s.tolower})
         $(var(sp){s.trim})
         $(var(sp){s.ltrim})
         $(var(sp){s.rtrim})
         $(var(sp){s.rmws})
         $(var(t){s.replace,cd,XY})
         $(var(t){s.replace,a,})
         $(var(t){s.replace,$var(pn),Q})
         $(var(t){s.rm,cd})
         $(var(csv){s.rm,b})
         $(var(t){s.before,c})
         $(var(t){s.before,z})
         $(var(t){s.after,c})
         $(var(t){s.after,z})
         $(var(t){s.rbefore,c})
         $(var(csv){s.count,,})
         $(var(t){s.prefixes,3})
         $(var(t){s.prefixes.quoted,3})
         $(var(n){s.numeric})
         $(var(i){s.ftime,%Y})
         $(var(t){s.ftime,%Y})
         $(var(t){s.fmtlines,3,1})
         $(var(t){s.unquote})
         $(var(t){s.substr,1,2}{s.len})
         $(du{s.len})
         $(du{s.int})"
    ));
}

#[test]
fn writings() {
    // Observed on 5.6.3.
    insta::assert_snapshot!(world().table(
        "$(var(t){s.encode.hexa})
         $(var(h){s.decode.hexa})
         $(var(t){s.decode.hexa})
         $(var(t){s.encode.base64})
         $(var(b64){s.decode.base64})
         $(var(t){s.encode.base64t})
         $(var(t){s.encode.base64url})
         $(var(e){s.encode.base64})
         $(var(q){s.escape.common})
         $(var(q){s.escape.common}{s.unescape.common})
         $(var(up){s.escape.user})
         $(var(up){s.unescape.user})
         $(var(up){s.escape.param})
         $(var(q){s.escape.csv})
         $(var(t){s.md5})
         $(var(e){s.md5})
         $(var(i){s.md5})
         $(var(t){s.sha256})
         $(var(t){s.corehash})
         $(var(t){s.corehash,16})
         $(ci{s.corehash})
         $(var(q){sql.val})
         $(du{sql.val})
         $(du{sql.val.int})
         $(du{sql.val.str})
         $(var(i){sql.val})"
    ));
}

#[test]
fn addresses() {
    // Observed on 5.6.3, but: uri.duri, uri.saor and uri.suri had foreign octets in them there, and uri.tosocket was
    // empty without a transport parameter.
    insta::assert_snapshot!(world().table(
        "$(var(u){uri.user})
         $(var(u){uri.host})
         $(var(u){uri.passwd})
         $(var(u){uri.port})
         $(var(u){uri.params})
         $(var(u){uri.param,x})
         $(var(u){uri.param,X})
         $(var(u){uri.param,lr})
         $(var(u){uri.param,nope})
         $(var(u){uri.headers})
         $(var(u){uri.transport})
         $(var(u){uri.ttl})
         $(var(u){uri.uparam})
         $(var(u){uri.maddr})
         $(var(u){uri.method})
         $(var(u){uri.lr})
         $(var(u){uri.r2})
         $(var(u){uri.scheme})
         $(var(u){uri.tosocket})
         $(var(u){uri.duri})
         $(var(u){uri.saor})
         $(var(u){uri.suri})
         $(var(nb){uri.port})
         $(var(nb){uri.transport})
         $(var(t){uri.user})
         $(var(e){uri.user})
         $(var(na){uri.user})
         $(var(na){tobody.uri})
         $(var(na){tobody.tag})
         $(var(na){tobody.display})
         $(var(na){tobody.params})
         $(var(na){tobody.user})
         $(var(na){tobody.host})
         $(var(nb){tobody.uri})
         $(var(nb){tobody.tag})
         $(var(nb){tobody.display})
         $(var(nb){tobody.params})
         $(var(t){tobody.uri})
         $(var(na){nameaddr.name})
         $(var(na){nameaddr.uri})
         $(var(na){nameaddr.len})
         $(var(nb){nameaddr.name})
         $(var(nb){nameaddr.uri})
         $(var(nb){nameaddr.len})
         $(var(t){nameaddr.uri})
         $(ct{nameaddr.uri})
         $(var(e){nameaddr.uri})"
    ));
}

#[test]
fn lists_lines_and_expressions() {
    // Observed on 5.6.3.
    insta::assert_snapshot!(world().table(
        "$(var(p){param.value,a})
         $(var(p){param.value,b})
         $(var(p){param.value,c})
         $(var(p){param.value,d})
         $(var(p){param.value,nope})
         $(var(p){param.value, a})
         $(var(p){param.value,$var(pn)})
         $(var(p){param.in,c})
         $(var(p){param.in,x})
         $(var(p){param.valueat,1})
         $(var(p){param.valueat,-1})
         $(var(p){param.name,2})
         $(var(p){param.name,-1})
         $(var(p){param.name,9})
         $(var(p){param.count})
         $(var(e){param.value,a})
         $(var(l){line.at,0})
         $(var(l){line.at,1})
         $(var(l){line.at,-1})
         $(var(l){line.at,9})
         $(var(l){line.count})
         $(var(l2){line.count})
         $(var(l2){line.at,-1})
         $(var(e){line.count})
         $(var(l){line.sw,t})
         $(var(l){line.sw,zz})
         $(var(t){re.subst,/b(.)d/X\\1Y/})
         $(var(csv){re.subst,/,/-/g})
         $(var(csv){re.subst,/,/-/})
         $(var(t){re.subst,/BCD/x/i})
         $(var(t){re.subst,/zzz/x/})
         $(var(t){re.subst,/^(.*)$/<\\0>/})
         $(var(t){re.subst,!b!\\$!})
         $(var(t){re.subst,/b/$rU/})
         $(var(l){re.subst,/o.*o/Z/})
         $(var(l){re.subst,/^two/Z/})
         $(var(l){re.subst,/e.*t/Z/s})
         $(var(i){re.subst,/4/5/})
         $(var(e){re.subst,/^$/x/})
         $(du{re.subst,/a/b/})"
    ));
}

proptest::proptest! {
    #[test]
    fn any_octets_go_through_any_transformation(octets: Vec<u8>, number: i64, other: Vec<u8>) {
        let mut world = World::new(MESSAGE);
        world.set("$var(x)", PvValue::owned(octets));
        world.set("$var(n)", number);
        world.set("$var(o)", PvValue::owned(other));
        for name in transform_names() {
            let arguments = match name {
                "re.subst" => ",/(.)./$var(o)\\1/g",
                "s.select" | "s.count" => ",$var(n),x",
                "s.before" | "s.after" | "s.rbefore" | "s.rafter" | "line.sw" | "uri.param" | "s.ftime" => {
                    ",$var(o)"
                }
                "s.rm" | "s.replace" | "param.value" | "param.in" => ",$var(o),$var(o)",
                _ => ",$var(n),$var(n)",
            };
            let spec = format!("$(var(x){{{name}{arguments}}})");
            let Ok(spec) = PvSpec::parse(spec.as_bytes()) else {
                panic!("{spec}");
            };
            let _ = spec.read(&world).into_owned();
        }
    }
}

#[test]
fn results_are_bounded() {
    let mut world = world();
    world.set("$var(long)", PvValue::owned(vec![b'a'; 40_000]));
    assert_eq!(world.show("$(var(long){s.encode.hexa})"), "nil");
    assert_eq!(world.show("$(var(long){s.prefixes})"), "nil");
    assert_eq!(world.show("$(var(long){s.replace,a,bb}{s.len})"), "nil");
}
