//! `hdr`, and the parts of `textops` and `textopsx` that are about header fields.

use super::{INVITE, REPLY, bodiless, check, lines, of};

#[test]
fn lines_are_added_where_they_are_wanted() {
    // Observed, but for three things: a line without its end gets one, what is no header line is refused instead of
    // sent, and so is a line that would end the header section.
    let run = check(
        of(INVITE),
        r#"
        KSR.hdr.append("X-New: 1\r\n") => 1
        KSR.hdr.append("X-NoCrlf: 2") => 1
        KSR.hdr.append("X-Dollar: $ru\r\n") => 1
        KSR.hdr.append("garbage no colon\r\n") => -1
        KSR.hdr.append("X: 1\r\n\r\nbody") => -1
        KSR.hdr.append("") => 1
        KSR.hdr.append_after("X-After: 1\r\n", "X-A") => 1
        KSR.hdr.append_after("X-After: 2\r\n", "x-a") => 1
        KSR.hdr.append_after("X-After: 3\r\n", "X-Nope") => 1
        KSR.hdr.append_after("X-After: 4\r\n", "Content-Length") => 1
        KSR.hdr.insert("X-Ins: 1\r\n") => 1
        KSR.hdr.insert("X-Ins: 2\r\n") => 1
        KSR.hdr.insert_before("X-Before: 1\r\n", "X-A") => 1
        KSR.hdr.insert_before("X-Before: 2\r\n", "X-A") => 1
        KSR.hdr.insert_before("X-Before: 3\r\n", "X-Nope") => 1
        KSR.hdr.append_after("nothing", "X-A") => -1
        KSR.hdr.insert("nothing") => -1
        KSR.hdr.insert_before("nothing", "X-A") => -1
        "#,
    );
    assert_eq!(run.log.len(), 5, "{:?}", run.log);
    assert_eq!(
        lines(&run, &["INVITE", "X-", "Content-", "Via"]),
        [
            "INVITE sip:bob%20x:pw@h.test:5070;transport=tcp;x=y SIP/2.0",
            "X-Ins: 1",
            "X-Ins: 2",
            "X-Before: 3",
            "Via: SIP/2.0/UDP 127.0.0.2:15070;branch=z9hG4bKabc;rport",
            "Via: SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef",
            "X-Before: 1",
            "X-Before: 2",
            "X-A: one",
            "X-A: two",
            "X-A:  three, four",
            "X-After: 1",
            "X-After: 2",
            "Content-Type: application/sdp",
            "Content-Length: 248",
            "X-New: 1",
            "X-NoCrlf: 2",
            "X-Dollar: $ru",
            "X-After: 3",
            "X-After: 4",
        ]
    );
}

#[test]
fn fields_are_removed_by_name_long_or_short() {
    let run = check(
        of(INVITE),
        r#"
        KSR.hdr.remove("X-Nope") => 1
        KSR.hdr.remove("m") => 1
        KSR.hdr.remove("max-forwards") => 1
        KSR.hdr.get("Max-Forwards") => [70]
        KSR.hdr.rmappend("X-A","X-A: new\r\n") => 1
        KSR.hdr.rmappend("X-Nope","X-N: 1\r\n") => 1
        KSR.hdr.rmappend("X-Nope","") => 1
        KSR.hdr.rmappend("X-Nope","no line") => -1
        KSR.hdr.rminsert("User-Agent","User-Agent: mine\r\n") => 1
        KSR.hdr.rminsert("X-Nope","no line") => -1
        "#,
    );
    assert_eq!(
        lines(&run, &["X-", "Contact", "Max", "User-Agent"]),
        ["User-Agent: mine", "X-A: new", "X-N: 1"]
    );
}

#[test]
fn fields_are_read_by_name_and_place() {
    // Observed.
    check(
        of(INVITE),
        r#"
        KSR.hdr.is_present("X-A") => 1
        KSR.hdr.is_present("x-a") => 1
        KSR.hdr.is_present("m") => 1
        KSR.hdr.is_present("Contact") => 1
        KSR.hdr.is_present("") => -1
        KSR.hdr.is_present("X-Nope") => -1
        KSR.hdr.get("X-A") => [one]
        KSR.hdr.get("X-Nope") => nil
        KSR.hdr.gete("X-A") => [one]
        KSR.hdr.gete("X-Nope") => []
        KSR.hdr.getw("X-A") => [one]
        KSR.hdr.getw("X-Nope") => [<null>]
        KSR.hdr.get("m") => [<sip:alice@10.0.0.5:5888>;q=0.5]
        KSR.hdr.get_idx("X-A",0) => [one]
        KSR.hdr.get_idx("X-A",2) => [three, four]
        KSR.hdr.get_idx("X-A",3) => nil
        KSR.hdr.get_idx("X-A",-1) => [three, four]
        KSR.hdr.get_idx("X-A",-3) => [one]
        KSR.hdr.get_idx("X-A",-4) => nil
        KSR.hdr.get_idx("Via",1) => [SIP/2.0/UDP 10.0.0.1;branch=z9hG4bKdef]
        KSR.hdr.gete_idx("X-A",1) => [two]
        KSR.hdr.gete_idx("X-A",9) => []
        KSR.hdr.getw_idx("X-A",1) => [two]
        KSR.hdr.getw_idx("X-A",9) => [<null>]
        KSR.hdr.get() => false
        "#,
    );
}

#[test]
fn the_content_of_fields_is_compared() {
    // Observed: a boolean, in either case, and false for operators that there are not.
    check(
        of(INVITE),
        r#"
        KSR.hdr.match_content("X-A","eq","one","f") => true
        KSR.hdr.match_content("X-A","eq","ONE","first") => true
        KSR.hdr.match_content("X-A","EQ","one","F") => true
        KSR.hdr.match_content("X-A","eq","two","f") => false
        KSR.hdr.match_content("X-A","eq","two","l") => false
        KSR.hdr.match_content("X-A","eq","two","a") => false
        KSR.hdr.match_content("X-A","eq","two","o") => true
        KSR.hdr.match_content("X-A","ne","two","a") => false
        KSR.hdr.match_content("X-A","ne","one","o") => true
        KSR.hdr.match_content("X-A","ne","zzz","a") => true
        KSR.hdr.match_content("X-A","eq","two","*") => false
        KSR.hdr.match_content("X-A","sw","THREE","l") => true
        KSR.hdr.match_content("X-A","sw","","f") => true
        KSR.hdr.match_content("X-A","in","REE","l") => true
        KSR.hdr.match_content("X-A","in","","f") => true
        KSR.hdr.match_content("X-A","re","^t","l") => false
        KSR.hdr.match_content("X-A","==","one","f") => false
        KSR.hdr.match_content("X-A","eq","","f") => false
        KSR.hdr.match_content("X-No","eq","one","f") => false
        KSR.hdr.match_content("X-No","ne","one","f") => false
        KSR.hdr.match_content("X-No","ne","one","a") => false
        KSR.hdr.match_content("X-A","eq","one","") => false
        "#,
    );
}

#[test]
fn lines_for_replies_are_kept() {
    let run = check(
        of(INVITE),
        r#"
        KSR.hdr.append_to_reply("X-Reply: 1\r\n") => 1
        KSR.hdr.append_to_reply("X-Reply: 2") => 1
        KSR.hdr.append_to_reply("") => -1
        KSR.hdr.append_to_reply("nothing") => -1
        KSR.hdr.append_to_reply(string.rep("X: " .. string.rep("a", 1000) .. "\r\n", 17)) => -1
        "#,
    );
    assert_eq!(run.draft().reply_lines, b"X-Reply: 1\r\nX-Reply: 2\r\n");
}

#[test]
fn a_script_cannot_change_a_message_without_end() {
    let run = check(
        of(INVITE),
        r#"
        (function() local n = 0 for i = 1, 200 do n = n + KSR.hdr.append("X: " .. string.rep("a", 1000) .. "\r\n") end return n end)() => 60
        (function() local n = 0 for i = 1, 2000 do n = n + KSR.hdr.append("X: 1\r\n") end return n end)() => -1860
        "#,
    );
    assert_eq!(lines(&run, &["X: "]).len(), 200);
    let run = check(
        of(INVITE),
        r#"
        (function() local n = 0 for i = 1, 2000 do n = n + KSR.hdr.append("X: 1\r\n") end return n end)() => 48
        "#,
    );
    assert_eq!(lines(&run, &["X: 1"]).len(), 1_024);
}

#[test]
fn fields_are_found_and_removed_by_expression() {
    // Observed, but remove_hf_match with `ne`, which there removed the last field alone.
    check(
        of(INVITE),
        r#"
        KSR.textops.is_present_hf("X-A") => 1
        KSR.textops.is_present_hf("m") => 1
        KSR.textops.is_present_hf("X-N") => -1
        KSR.textops.is_present_hf_re("^x-") => 1
        KSR.textops.is_present_hf_re("^Z-") => -1
        KSR.textops.is_present_hf_re("(") => -1
        KSR.textops.search_hf("X-A","two","a") => 1
        KSR.textops.search_hf("X-A","ONE","f") => 1
        KSR.textops.search_hf("X-A","two","f") => -1
        KSR.textops.search_hf("X-A","three","l") => 1
        KSR.textops.search_hf("X-A","two","l") => -1
        KSR.textops.search_hf("X-A","^two$","") => 1
        KSR.textops.search_hf("X-N","two","a") => -1
        KSR.textops.search_hf("X-A","(","a") => -1
        "#,
    );
    for (call, result, left) in [
        ("remove_hf('X-A')", 1, ""),
        ("remove_hf('X-Nope')", 1, "one two three"),
        ("remove_hf_re('^x-')", 1, ""),
        ("remove_hf_re('^nope')", -1, "one two three"),
        ("remove_hf_re('(')", -1, "one two three"),
        ("remove_hf_idx('X-A', 0)", 1, "two three"),
        ("remove_hf_idx('X-A', -1)", 1, "one two"),
        ("remove_hf_idx('X-A', 9)", 2, "one two three"),
        ("remove_hf_idx('X-A', -9)", 2, "one two three"),
        ("remove_hf_exp('^X-', '^zz')", 1, ""),
        ("remove_hf_exp('^[CX]', '^X-')", 1, "one two three"),
        ("remove_hf_exp('(', 'x')", -1, "one two three"),
        ("remove_hf_match('X-A', 'eq', 'two')", 1, "one three"),
        ("remove_hf_match('X-A', 're', '^t')", 1, "one"),
        ("remove_hf_match('X-A', 'ne', 'two')", 1, "two"),
        ("remove_hf_match('X-A', 'in', 'hre')", 1, "one two"),
        ("remove_hf_match('X-A', 'sw', 't')", -1, "one two three"),
        ("remove_hf_match('X-A', 're', '(')", -1, "one two three"),
        ("remove_hf_match('X-N', 'eq', 'two')", -2, "one two three"),
    ] {
        let run = check(of(INVITE), &format!("KSR.textops.{call} => {result}"));
        let words = ["one", "two", "three"]
            .into_iter()
            .filter(|word| lines(&run, &["X-A"]).iter().any(|line| line.contains(word)));
        assert_eq!(words.collect::<Vec<_>>().join(" "), left, "{call}");
    }
}

#[test]
fn single_values_are_added_and_removed() {
    // Observed.
    let message = bodiless();
    for (call, result, left) in [
        (
            "append_hf_value('X-A', 'new')",
            1,
            "one|two|three, four|Content-Length: 0|new",
        ),
        (
            "append_hf_value('X-A[0]', 'new')",
            1,
            "one|two|three, four,new",
        ),
        (
            "append_hf_value('X-A[2]', 'new')",
            1,
            "one|two,new|three, four",
        ),
        (
            "append_hf_value('X-A[9]', 'new')",
            1,
            "one|two|three, four|Content-Length: 0|new",
        ),
        (
            "append_hf_value('X-A', 'a\\r\\n\\r\\nb')",
            1,
            "one|two|three, four|Content-Length: 0|a    b",
        ),
        (
            "append_hf_value('no name', 'new')",
            -1,
            "one|two|three, four",
        ),
        (
            "insert_hf_value('X-A', 'new')",
            1,
            "new|one|two|three, four",
        ),
        (
            "insert_hf_value('X-A[2]', 'new')",
            1,
            "one|new,two|three, four",
        ),
        (
            "insert_hf_value('X-A[-1]', 'new')",
            1,
            "one|two|three, new,four",
        ),
        (
            "insert_hf_value('no name', 'new')",
            -1,
            "one|two|three, four",
        ),
        ("assign_hf_value('X-A', 'new')", 1, "new|two|three, four"),
        ("assign_hf_value('X-A[3]', 'new')", 1, "one|two|new, four"),
        ("assign_hf_value('X-N', 'new')", -1, "one|two|three, four"),
        (
            "assign_hf_value('X-A[*]', 'new')",
            -1,
            "one|two|three, four",
        ),
        ("remove_hf_value('X-A')", 1, "two|three, four"),
        ("remove_hf_value('X-A[2]')", 1, "one|three, four"),
        ("remove_hf_value('X-A[3]')", 1, "one|two|four"),
        ("remove_hf_value('X-A[*]')", 1, ""),
        ("remove_hf_value('X-N')", -1, "one|two|three, four"),
        ("include_hf_value('X-A', 'four')", 1, "one|two|three, four"),
        (
            "include_hf_value('X-A', 'new')",
            1,
            "one,new|two|three, four",
        ),
        (
            "include_hf_value('no name', 'new')",
            -1,
            "one|two|three, four",
        ),
        ("exclude_hf_value('X-A', 'two')", 1, "one|three, four"),
        ("exclude_hf_value('X-A', 'four')", 1, "one|two|three"),
        ("exclude_hf_value('X-A', 'zz')", 1, "one|two|three, four"),
        ("hf_value_exists('X-A', 'two')", 1, "one|two|three, four"),
        ("hf_value_exists('X-A', 'four')", 1, "one|two|three, four"),
        ("hf_value_exists('X-A', 'zz')", -1, "one|two|three, four"),
        ("hf_value_exists('X-N', 'zz')", -1, "one|two|three, four"),
    ] {
        let run = check(of(&message), &format!("KSR.textopsx.{call} => {result}"));
        let mut found = lines(&run, &["X-A", "Content-Length"]);
        if found.last().is_some_and(|line| line.starts_with("Content")) {
            found.pop();
        }
        let values: Vec<String> = found
            .iter()
            .map(|line| line.trim_start_matches("X-A:").trim().to_owned())
            .collect();
        assert_eq!(values.join("|"), left, "{call}");
    }
    let run = check(
        of(&message),
        "KSR.textopsx.include_hf_value('X-N', 'new') => 1",
    );
    assert_eq!(lines(&run, &["X-N"]), ["X-N: new"]);
}

#[test]
fn only_fields_that_a_call_needs_are_kept() {
    // Observed, but the result: there -1.
    let run = check(of(INVITE), "KSR.textopsx.keep_hf() => 1");
    assert_eq!(lines(&run, &["X-", "User"]), Vec::<String>::new());
    assert_eq!(lines(&run, &["Via", "Contact", "Content", "Max"]).len(), 6);
    let run = check(of(INVITE), "KSR.textopsx.keep_hf_re('^x-') => 1");
    assert_eq!(lines(&run, &["X-", "User"]).len(), 3);
    check(of(INVITE), "KSR.textopsx.keep_hf_re('(') => -1");
}

#[test]
fn changes_that_were_applied_are_seen() {
    let run = check(
        of(INVITE),
        r#"
        KSR.hdr.append("X-N: 1\r\n") => 1
        KSR.hdr.get("X-N") => nil
        KSR.textopsx.msg_apply_changes() => 1
        KSR.hdr.get("X-N") => [1]
        KSR.textopsx.msg_apply_changes() => 1
        KSR.hdr.remove("CSeq") => 1
        KSR.textopsx.msg_apply_changes() => -1
        "#,
    );
    assert_eq!(run.acts, ["apply_changes"; 3]);
}

#[test]
fn the_status_of_a_reply_changes_within_its_class() {
    for (call, result, line) in [
        ("change_reply_status(480, 'Gone')", 1, "SIP/2.0 480 Gone"),
        ("change_reply_status(480, '')", 1, "SIP/2.0 480 Nope"),
        ("change_reply_status(500, 'Bad')", -1, "SIP/2.0 404 Nope"),
        ("change_reply_status_code(486)", 1, "SIP/2.0 486 Nope"),
        ("change_reply_status_code(200)", -1, "SIP/2.0 404 Nope"),
    ] {
        let run = check(of(REPLY), &format!("KSR.textopsx.{call} => {result}"));
        assert_eq!(lines(&run, &["SIP/2.0"]), [line], "{call}");
    }
    check(
        of(INVITE),
        "KSR.textopsx.change_reply_status(404, 'x') => -1",
    );
}
