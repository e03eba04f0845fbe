-- What the functions that messages are read and changed with answer, for many arguments. The user of the Request-URI names
-- the case: a list of expressions, evaluated in order. Each becomes an X-Result field: expression, type, value.

local unpack = unpack or table.unpack
local compile = loadstring or load

local function show(value)
	if value == nil then return "nil" end
	return type(value) .. ":" .. (tostring(value):gsub("[\r\n]", "~"))
end

local function answer(expressions)
	local out = {}
	for n, expression in ipairs(expressions) do
		local made, fault = compile("return " .. expression)
		local ok, value = pcall(made or error, fault)
		out[n] = expression .. " => " .. (ok and show(value) or "an error")
	end
	-- Behind all of them: some change the message, and its replies with it.
	for _, line in ipairs(out) do KSR.hdr.append_to_reply("X-Result: " .. line:gsub("[\r\n]", "~") .. "\r\n") end
	KSR.sl.send_reply(200, "Done")
end

-- `module`: calls of one module, written without `KSR.module`. A line that begins with `=` stands as it is.
local function calls(module, text)
	local out = {}
	for line in text:gmatch("[^\n]+") do
		line = line:match("^%s*(.-)%s*$")
		if line:sub(1, 1) == "=" then
			out[#out + 1] = line:sub(2)
		elseif line:sub(1, 1) == "$" then
			out[#out + 1] = ("KSR.pv.get(%q)"):format(line)
		elseif line ~= "" then
			out[#out + 1] = "KSR." .. module .. "." .. line
		end
	end
	return out
end

local case = {}

case["hdr_reading"] = calls("hdr", [[
	get("X-Multi")
	get("x-multi")
	get("X-Absent")
	get("")
	gete("X-Multi")
	gete("X-Absent")
	getw("X-Absent")
	get("f")
	get("Via")
	get_idx("X-Multi", 0)
	get_idx("X-Multi", 1)
	get_idx("X-Multi", 2)
	get_idx("X-Multi", -1)
	gete_idx("X-Multi", 2)
	getw_idx("X-Multi", 2)
	is_present("X-Multi")
	is_present("x-multi")
	is_present("t")
	is_present("To")
	is_present("X-Mult")
	is_present("")
	match_content("X-Multi", "eq", "one", "f")
	match_content("X-Multi", "eq", "two", "f")
	match_content("X-Multi", "eq", "two", "l")
	match_content("X-Multi", "sw", "tw", "a")
	match_content("X-Multi", "in", "n", "a")
	match_content("X-Multi", "re", "^o.e$", "f")
	match_content("X-Multi", "eq", "none", "a")
	match_content("X-Absent", "eq", "one", "f")
	match_content("X-Multi", "nosuch", "one", "f")
]])
case["hdr_writing"] = calls("hdr", [[
	append("X-New: one\r\n")
	append("X-New: two")
	append("")
	append("\r\n")
	append_after("X-After: 1\r\n", "X-Probe")
	append_after("X-After: 2\r\n", "X-Absent")
	insert("X-First: 1\r\n")
	insert_before("X-Before: 1\r\n", "X-Probe")
	insert_before("X-Before: 2\r\n", "X-Absent")
	insert("")
	remove("X-Probe")
	remove("X-Probe")
	remove("X-Absent")
	remove("")
	rmappend("User-Agent", "User-Agent: other\r\n")
	rminsert("Refer-To", "Refer-To: <sip:x@y.test>\r\n")
	rmappend("X-Absent", "X-Absent: now\r\n")
	is_present("X-New")
	is_present("X-Probe")
	=KSR.textopsx.msg_apply_changes()
	get("X-New")
	get_idx("X-New", 1)
	get("X-After")
	get("X-First")
	get("X-Before")
	get("X-Probe")
	get("User-Agent")
	get("Refer-To")
	get("X-Absent")
	append_to_reply("")
	append_to_reply("X-Reply: 1\r\n")
]])
case["textops_searching"] = calls("textops", [[
	search("probe")
	search("PROBE")
	search("nosuchtext")
	search("^OPTIONS")
	search("(")
	search("")
	search_body("m=audio")
	search_body("probe")
	search_body("nosuch")
	search_hf("X-Probe", "pro", "f")
	search_hf("X-Multi", "two", "f")
	search_hf("X-Multi", "two", "l")
	search_hf("X-Multi", "two", "a")
	search_hf("X-Absent", "two", "a")
	search_hf("X-Multi", "TWO", "a")
	is_present_hf("X-Probe")
	is_present_hf("X-Absent")
	is_present_hf_re("^X-Pr")
	is_present_hf_re("^x-pr")
	is_present_hf_re("^Zz")
	cmp_str("a", "a")
	cmp_str("a", "A")
	cmp_str("a", "ab")
	cmp_str("", "")
	cmp_istr("a", "A")
	cmp_istr("a", "b")
	starts_with("abc", "ab")
	starts_with("abc", "bc")
	starts_with("abc", "AB")
	starts_with("a", "abc")
	ends_with("abc", "bc")
	ends_with("abc", "ab")
	ends_with("abc", "cd")
	ends_with("a", "abc")
	cmp_str("b", "a")
	cmp_istr("b", "A")
	in_list("b", "a,b,c", ",")
	in_list("d", "a,b,c", ",")
	in_list("b", "a, b ,c", ",")
	in_list("b", "a;b;c", ";")
	in_list("b", "", ",")
	in_list("", "a,,c", ",")
	in_list_prefix("bob", "al,bo", ",")
	in_list_prefix("bob", "x,y", ",")
	str_find("hello", "ell")
	str_find("hello", "ELL")
	str_ifind("hello", "ELL")
	str_find("hello", "zz")
	has_body()
	has_body_type("application/sdp")
	has_body_type("APPLICATION/SDP")
	has_body_type("application/*")
	has_body_type("text/plain")
	has_body_type("nonsense")
	is_privacy("id")
	is_privacy("user")
	is_privacy("nosuch")
	is_audio_on_hold()
]])
case["textops_changing"] = calls("textops", [[
	replace("probe", "changed")
	replace("nosuchtext", "x")
	replace_all("one", "ONE")
	replace_hdrs("two", "TWO")
	replace_str("Diversion", "Diverted", "f")
	subst("/sip:target/sip:aim/")
	subst("/nosuchtext/x/")
	subst("nonsense")
	subst_hf("User-Agent", "/probe/other/", "f")
	subst_hf("X-Absent", "/probe/other/", "f")
	remove_hf("P-Asserted-Identity")
	remove_hf("X-Absent")
	remove_hf_re("^P-Pref")
	remove_hf_re("^Zz")
	=KSR.textopsx.msg_apply_changes()
	$hdr(X-Probe)
	$(hdr(X-Multi)[0])
	$(hdr(X-Multi)[1])
	$hdr(Diversion)
	$hdr(Diverted)
	$hdr(Refer-To)
	$ua
	$ai
	$pu
]])
for name, text in pairs({
	replace = [[replace_body("m=audio", "m=video")]],
	replace_all = [[replace_body_all("a=", "b=")]],
	replace_str = [[replace_body_str("audio", "text", "f")]],
	subst = [[subst_body("/audio/text/")]],
	subst_all = [[subst_body("/a=/b=/g")]],
	set = [[set_body("plain text", "text/plain")]],
}) do
	case["textops_body_" .. name] = calls("textops", text .. [[

		=KSR.textopsx.msg_apply_changes()
		$rb
		$cT
		$cl
	]])
end
case["textops_uri"] = calls("textops", [[
	subst_user("/textops/user/")
	$rU
	subst_user("/nosuch/x/")
	subst_uri("/kam\\.test/other.test/")
	$ru
	subst_uri("/nosuch/x/")
	$ru
	subst_user("/.*//")
	$ru
]])
case["textopsx"] = calls("textopsx", [[
	fnmatch("hello", "h*o")
	fnmatch("hello", "H*O")
	fnmatch_ex("hello", "h*o", "i")
	fnmatch_ex("hello", "h*o", "")
	fnmatch_ex("hello", "x*o", "")
	fnmatch("hello", "h?llo")
	fnmatch("hello", "x*")
	fnmatch("", "")
	hf_value_exists("Supported", "path")
	hf_value_exists("Supported", "nosuch")
	hf_value_exists("X-Absent", "x")
]])
for name, text in pairs({
	include = [[include_hf_value("Supported", "gruu")]],
	include_present = [[include_hf_value("Supported", "path")]],
	exclude = [[exclude_hf_value("Supported", "timer")]],
	exclude_absent = [[exclude_hf_value("Supported", "gruu")]],
	append = [[append_hf_value("Supported", "more")]],
	insert = [[insert_hf_value("Supported", "first")]],
	insert_new = [[insert_hf_value("X-Inserted", "first")]],
	assign = [[assign_hf_value("X-Probe", "assigned")]],
	remove = [[remove_hf_value("Supported")]],
	-- Their codes are -1 there, whatever they did.
	keep = [[=KSR.textopsx.keep_hf_re("^X-") ~= nil]],
	keep_all = [[=KSR.textopsx.keep_hf_re(".") ~= nil]],
	keep_none = [[=KSR.textopsx.keep_hf() ~= nil]],
	body = [[remove_body()]],
}) do
	case["textopsx_" .. name] = calls("textopsx", text .. [[

		msg_apply_changes()
		$(hdr(Supported)[*])
		$hdr(X-Inserted)
		$hdr(X-Probe)
		$ua
		$rb
	]])
end
case["siputils_tests"] = calls("siputils", [[
	is_uri("sip:a@b.test")
	is_uri("nonsense")
	is_uri("tel:+123")
	is_uri("sip:")
	is_uri("")
	is_tel_number("+123")
	is_tel_number("123")
	is_tel_number("12a")
	is_tel_number("")
	is_numeric("123")
	is_numeric("12a")
	is_numeric("")
	is_numeric("+1")
	is_alphanum("ab1")
	is_alphanum("ab-1")
	is_alphanum("")
	is_alphanumex("ab-1", "-")
	is_alphanumex("ab_1", "-")
	cmp_uri("sip:a@b.test", "sip:a@B.test")
	cmp_uri("sip:a@b.test", "sip:A@b.test")
	cmp_uri("sip:a@b.test", "sip:a@b.test:5060")
	cmp_uri("sip:a@b.test;x=1", "sip:a@b.test")
	cmp_uri("nonsense", "sip:a@b.test")
	cmp_aor("sip:a@b.test", "sip:a@b.test:5070")
	cmp_aor("sip:a@b.test;x=y", "sip:a@b.test")
	cmp_aor("sip:a@b.test", "sip:b@b.test")
	cmp_hdr_name("f", "From")
	cmp_hdr_name("from", "FROM")
	cmp_hdr_name("To", "From")
	cmp_hdr_name("X-A", "x-a")
	hdr_date_check(10)
	is_user("zoe")
	is_gruu()
	has_totag()
	is_request()
	is_reply()
	is_first_hop()
	is_first_hop_mode(0)
	is_first_hop_mode(1)
]])
case["siputils_params"] = calls("siputils", [[
	uri_param("x")
	uri_param_any("x")
	add_uri_param("x=y")
	$ru
	uri_param("x")
	uri_param_value("x", "y")
	uri_param_value("x", "z")
	uri_param_any("x")
	add_uri_param("flag")
	uri_param("flag")
	uri_param_value("flag", "")
	$ru
	uri_param_rm("x")
	$ru
	uri_param_rm("nosuch")
	uri_param_rm("flag")
	$ru
	add_uri_param("")
	$ru
]])
case["pvx_var"] = calls("pvx", [[
	var_sets("s", "text")
	var_get("s")
	var_seti("i", 7)
	var_get("i")
	var_get("unset")
	$var(s)
	shv_sets("s", "text")
	shv_get("s")
	shv_seti("i", 7)
	shv_get("i")
	shv_get("unset")
	avp_seti("n", 3)
	avp_sets("a", "first")
	avp_sets("a", "second")
	avp_get("a")
	avp_get("n")
	avp_get("unset")
	avp_gete("unset")
	avp_getw("unset")
	avp_is_null("a")
	avp_is_null("unset")
	avp_rm("unset")
	avp_seti("m", 4)
	avp_sets("m", "t")
	avp_get("m")
	avp_rm("m")
	avp_get("m")
	avp_rm("m")
	avp_get("m")
	avp_sets("o", "1")
	avp_sets("o", "2")
	avp_sets("o", "3")
	avp_rm("o")
	avp_get("o")
	$(avp(o)[*])
	evalx("$var(e)", "<$rU>")
	$var(e)
]])
case["pvx_xavp"] = calls("pvx", [[
	xavp_sets("x", "plain")
	xavp_get("x")
	xavp_sets("x", "newer")
	xavp_get("x")
	xavp_rm("x")
	xavp_get("x")
	xavp_seti("n", 4)
	xavp_get("n")
	xavp_child_sets("r", "c", "child")
	xavp_child_get("r", "c")
	xavp_child_seti("r", "i", 5)
	xavp_child_get("r", "i")
	xavp_child_get("r", "unset")
	xavp_child_gete("r", "unset")
	xavp_child_getw("r", "unset")
	xavp_child_is_null("r", "c")
	xavp_child_is_null("r", "unset")
	xavp_is_null("r")
	xavp_is_null("unset")
	xavp_get("unset")
	xavp_gete("unset")
	xavp_getw("unset")
	$xavp(r=>c)
	xavp_child_rm("r", "c")
	xavp_child_get("r", "c")
	xavp_rm("r")
	xavp_is_null("r")
	xavp_params_explode("a=1;b=two;c", "p")
	$xavp(p=>a)
	$xavp(p=>b)
	$xavp(p=>c)
	xavp_params_implode("p", "$var(imploded)")
	$var(imploded)
	xavp_slist_explode("one,two", ",", "t", "l")
	xavu_sets("u", "plain")
	xavu_get("u")
	xavu_child_sets("v", "c", "child")
	xavu_child_sets("v", "c", "again")
	xavu_child_get("v", "c")
	xavu_child_seti("v", "i", 6)
	xavu_child_get("v", "i")
	xavu_child_rm("v", "c")
	xavu_child_is_null("v", "c")
	xavu_rm("v")
	xavu_is_null("v")
	xavi_child_sets("K", "Name", "value")
	xavi_child_get("k", "NAME")
	xavi_child_gete("k", "unset")
	xavi_rm("K")
	xavi_child_is_null("K", "Name")
]])
case["htable_cells"] = calls("htable", [[
	sht_sets("held", "f_text", "text")
	sht_seti("held", "f_number", 41)
	sht_get("held", "f_text")
	sht_get("held", "f_number")
	sht_get("held", "f_absent")
	sht_gete("held", "f_absent")
	sht_getw("held", "f_absent")
	sht_get("nosuch", "f_text")
	sht_sets("nosuch", "f_text", "x")
	sht_sets("held", "", "x")
	sht_sets("held", "f_empty", "")
	sht_get("held", "f_empty")
	sht_is_null("held", "f_text")
	sht_is_null("held", "f_absent")
	sht_inc("held", "f_number")
	sht_dec("held", "f_number")
	sht_inc("held", "f_fresh")
	sht_get("held", "f_fresh")
	sht_dec("held", "f_text")
	sht_get("held", "f_text")
	sht_setex("held", "f_number", 100)
	sht_setex("held", "f_absent", 100)
	sht_setxs("held", "f_expiring", "x", 100)
	sht_setxi("held", "f_expiring", 3, 100)
	sht_get("held", "f_expiring")
	=KSR.pv.get("$shtex(held=>f_expiring)") > 90
]])
case["htable_matching"] = calls("htable", [[
	sht_sets("held", "m_text", "text")
	sht_sets("held", "m_empty", "")
	sht_seti("held", "m_number", 3)
	sht_match_name("held", "eq", "m_text")
	sht_match_name("held", "sw", "m_t")
	sht_match_name("held", "re", "^m_te.t$")
	sht_match_name("held", "eq", "zzz")
	sht_match_name("held", "nosuch", "zzz")
	sht_match_str_value("held", "eq", "text")
	sht_match_str_value("held", "sw", "zzz")
	$shtcn(held=>%~m_)
	sht_rm("held", "m_text")
	sht_rm("held", "m_text")
	sht_rm("nosuch", "m_text")
	sht_rm_name_re("held", "^m_em")
	sht_get("held", "m_empty")
	sht_rm_name("held", "sw", "m_nu")
	sht_get("held", "m_number")
	sht_rm_value_re("held", "^zzz$")
	sht_lock("held", "m_x")
	sht_unlock("held", "m_x")
	sht_lock("nosuch", "m_x")
]])
case["corex"] = calls("corex", [[
	has_ruri_user()
	has_user_agent()
	is_faked_msg()
	setxflag(3)
	isxflagset(3)
	resetxflag(3)
	isxflagset(3)
	setxflag(64)
	setxflag(99)
	isxflagset(-1)
	append_branch()
	$branch(count)
	$br
	append_branch_uri("sip:b@c.test")
	append_branch_uri_q("sip:d@e.test", "0.5")
	append_branch_uri_q("sip:f@g.test", "x")
	$branch(count)
	$(branch(uri)[1])
	$(branch(uri)[-1])
	$(branch(q)[2])
	$ds
	is_socket_name("nosuch")
]])
case["sdpops"] = calls("sdpops", [[
	sdp_with_media("audio")
	sdp_with_media("video")
	sdp_with_active_media("audio")
	sdp_with_transport("RTP/AVP")
	sdp_with_transport("RTP/SAVP")
	sdp_with_transport_like("AVP")
	sdp_with_transport_like("SAVP")
	sdp_with_codecs_by_name("PCMU")
	sdp_with_codecs_by_name("pcmu")
	sdp_with_codecs_by_name("G729")
	sdp_with_codecs_by_name("PCMU,PCMA")
	sdp_with_codecs_by_id("0")
	sdp_with_codecs_by_id("99")
	sdp_with_codecs_by_id("0,8")
	sdp_with_ice()
	sdp_content()
	sdp_content_flags(1)
	sdp_get("$avp(sdp)")
	=#KSR.pv.gete("$avp(sdp)")
	sdp_get_line_startswith("$avp(l)", "c=")
	$avp(l)
	sdp_get_line_startswith("$avp(z)", "z=")
	keep_codecs_by_name("PCMA,telephone-event", "audio")
	remove_codecs_by_id("101", "audio")
	remove_codecs_by_name("G729", "audio")
	remove_line_by_prefix("a=ptime", "audio")
	remove_media("video")
	=KSR.textopsx.msg_apply_changes()
	$rb
]])
case["kx"] = calls("kx", [[
	get_ruri()
	get_ouri()
	get_ruser()
	get_rhost()
	gete_rhost()
	get_furi()
	get_fhost()
	get_turi()
	get_tuser()
	get_thost()
	get_duri()
	gete_duri()
	getw_duri()
	get_cturi()
	gete_cturi()
	get_nhuri()
	get_ua()
	gete_ua()
	get_au()
	gete_au()
	getw_au()
	get_srcip()
	get_rcvip()
	get_proto()
	get_protoid()
	get_method()
	get_status()
	gets_status()
	get_body()
	gete_body()
	getw_body()
	get_bodylen()
	get_msgtype()
	get_conid()
	get_def("NOTHING")
	get_defn("NOTHING")
	ifdef("NOTHING")
	ifndef("NOTHING")
	get_env("NOTHING_HERE")
	=KSR.kx.get_env("PATH") == KSR.pv.get("$env(PATH)")
	get_envn("NOTHING_HERE")
	get_send_sock()
	get_send_sock_name()
	get_send_sock_port()
	get_rcv_sock_name()
]])
case["uris"] = calls("x", [[
	=KSR.seturi("sip:a@b.test")
	$ru
	=KSR.setdsturi("sip:127.0.0.1:9;transport=tcp")
	$du
	$dd
	$dp
	$dP
	=KSR.setdsturi("")
	$du
	=KSR.resetdsturi()
	=KSR.is_proto("UDP")
	=KSR.is_proto("u")
	=KSR.is_proto("T")
	=KSR.is_proto("ut")
	=KSR.is_proto("tcp|udp")
	=KSR.is_proto("")
	=KSR.is_UDP()
	=KSR.is_TCP()
	=KSR.is_TLS()
	=KSR.is_WS()
	=KSR.is_IPv4()
	=KSR.is_IPv6()
	=KSR.setsflag(2)
	=KSR.issflagset(2)
	=KSR.resetsflag(2)
	=KSR.setbflag(2)
	=KSR.isbflagset(2)
	=KSR.resetbflag(2)
	=KSR.setbflag(99)
	=KSR.setflag(-1)
	=KSR.setflag(31)
	=KSR.isflagset(32)
	=KSR.force_rport()
	=KSR.add_local_rport()
	=KSR.set_reply_no_connect()
	=KSR.is_method("INVITE|OPTIONS")
	=KSR.is_method("options")
	=KSR.is_method("INVITE| OPTIONS")
	=KSR.is_method("INVITE,OPTIONS")
	=KSR.is_method("OPTIONS|FOO")
	=KSR.is_method("OPTI")
	=KSR.is_method("")
	=KSR.is_method(" OPTIONS")
]])
case["myself"] = calls("x", [[
	=KSR.is_myself("KAM.TEST")
	=KSR.is_myself("other.test")
	=KSR.is_myself("127.0.0.1")
	=KSR.is_myself("127.0.0.2")
	=KSR.is_myself("kam.test:5060")
	=KSR.is_myself("127.0.0.1:5060")
	=KSR.is_myself("sip:127.0.0.1")
	=KSR.is_myself("sip:127.0.0.1:9")
	=KSR.is_myself("sip:x@127.0.0.1:" .. KSR.pv.get("$Rp"))
	=KSR.is_myself("sip:127.0.0.1;transport=tcp")
	=KSR.is_myself("sip:127.0.0.1;transport=tls")
	=KSR.is_myself("sips:127.0.0.1")
	=KSR.is_myself("sip:x@kam.test:9;transport=tls")
	=KSR.is_myself("udp:127.0.0.1")
	=KSR.is_myself("tel:+123")
	=KSR.is_myself("")
	=KSR.is_myself("[::1]")
	=KSR.is_myself_ruri()
	=KSR.is_myself_furi()
	=KSR.is_myself_turi()
	=KSR.is_myself_duri()
	=KSR.is_myself_srcip()
	=KSR.is_myself_suri()
]])
case["arguments"] = calls("x", [[
	=KSR.hdr.append("X-A: b\r\n", "x")
	=KSR.setflag(3, 4)
	=KSR.pv.get("$rU", "x")
	=KSR.htable.sht_seti("held", "g_z", 1, 2)
	=KSR.info("x\n", "y")
	=KSR.is_OPTIONS("x")
	=KSR.siputils.has_totag("x")
	=KSR.resetdsturi(1, 2)
	=KSR.kx.get_ruser("x")
	=KSR.setflag("x")
	=KSR.setflag(3.7)
	=KSR.setflag("3.7")
	=KSR.setflag(true)
	=KSR.setflag()
	=KSR.hdr.append()
	=KSR.hdr.append({})
	=KSR.hdr.append(true)
	=KSR.pv.get({})
	=KSR.pv.gete(true)
	=KSR.is_method(true)
	=KSR.pv.sets("$var(q)", nil)
	$var(q)
	=KSR.pv.seti("$var(q)", nil)
	$var(q)
	=KSR.pv.seti("$var(q)", "x")
	=KSR.pv.getvs("$du", nil)
	=KSR.pv.getvn("$du", "x")
	=KSR.htable.sht_sets("held", "g_k", nil)
	=KSR.htable.sht_sets("held", nil, "v")
	=KSR.htable.sht_sets("held", {}, "v")
	=KSR.htable.sht_sets("held", 5, 6.5)
	=KSR.htable.sht_get("held", "5")
	=KSR.dispatcher.ds_select_dst("x", "y")
]])
case["selects"] = (function()
	local out = {}
	for path in ([[ruri ruri.user ruri.host ruri.port ruri.params ruri.hostport ruri.type ruri.pwd ruri.nosuch
		from from.uri from.uri.user from.uri.host from.tag from.name from.params.tag f.uri.user
		to to.uri to.uri.port to.tag to.name t.tag
		contact contact.uri contact.uri.user contact.uri.host contact.uri.port contact.uri.params contact.uri.params.x
		contact.expires contact.params.expires contact.name contact.q m.uri
		hf_value.x_probe hf_value.X_Probe hf_value.x_multi hf_value.x_multi[1] hf_value.x_multi[2] hf_value.x_multi[3]
		hf_value.x_multi[-1] hf_value.nosuch hf_value["X-Probe"] hf_value.contact.uri hf_value.contact.name
		msg.header.x_probe msg.header["X-Probe"] msg.first_line msg.type user_agent x_probe
		via.host via[1].host via[1].branch via.transport via[1].params.branch via[1].rport via[1].received via[2].host
		via[-1].host via.name via.version
		method cseq cseq.num cseq.method call_id callid received.ip received.proto src.ip dst.ip
		refer_to refer_to.uri rpid rpid.uri remote_party_id.uri expires content_type content_length max_forwards
		next_hop next_hop.host route record_route cfg_get.core.debug nosuch]]):gmatch("%S+") do
		out[#out + 1] = ("KSR.pv.get(%q)"):format("$sel(@" .. path .. ")")
	end
	out[#out + 1] = 'KSR.pv.get("$sel(ruri)")'
	out[#out + 1] = 'KSR.pv.get("$sel(@via[1].port)") == tostring(KSR.pv.get("$sp"))'
	return out
end)()
for _, given in ipairs({ "absent", "0", "1", "2", "70", "71", "255", "256", "300", "abc", "-1", "99999999999" }) do
	case["maxfwd_" .. given] = calls("maxfwd", [[
		is_maxfwd_lt(10)
		is_maxfwd_lt(71)
		process_maxfwd(300)
		process_maxfwd(10)
		=KSR.textopsx.msg_apply_changes()
		$hdr(Max-Forwards)
	]])
end
for _, where in ipairs({ "port", "no_port", "tcp", "tls", "other_port", "domain_port" }) do
	case["ruri_" .. where] = calls("x", [[
		=KSR.is_myself_ruri()
		=KSR.is_myself_turi()
	]])
end
-- Of a dialog and of none, with our Route alone, and one of another server behind it.
for _, name in ipairs({ "preloaded_own", "preloaded_both", "dialog_own", "dialog_both", "preloaded_none", "dialog_none" }) do
	case["route_" .. name] = calls("rr", [[
		loose_route()
		$du
		$ru
		$hdr(Route)
		is_direction("downstream")
		is_direction("upstream")
		check_route_param("nat=yes")
		=KSR.textopsx.msg_apply_changes()
		$(hdr(Route)[*])
		$du
	]])
	case["route2_" .. name] = calls("rr", [[
		loose_route_preloaded()
		$du
	]])
end
case["unknown_method"] = calls("x", [[
	$rm
	$rmid
	=KSR.is_method("FOO")
	=KSR.is_method("foo")
	=KSR.is_method("INVITE|FOO")
	=KSR.is_method_in("OI")
	=KSR.is_INVITE()
]])

function ksr_request_route()
	local name = KSR.pv.gete("$tU")
	if case[name] then
		answer(case[name])
	elseif name:sub(1, 6) == "relay_" then
		-- The Route that is left, on the wire.
		local code = KSR.rr.loose_route()
		KSR.hdr.append("X-Code: " .. tostring(code) .. "\r\n")
		if name:find("applied") then KSR.textopsx.msg_apply_changes() end
		KSR.maxfwd.process_maxfwd(10)
		KSR.tm.t_relay()
	elseif not KSR.is_ACK() then
		KSR.sl.send_reply(404, "No such case")
	end
	return 1
end
