-- One case per function. The user of the Request-URI names the case; the answer is a 200 whose X-Result fields carry
-- `type:value` of everything the case returned, in order.

local unpack = unpack or table.unpack

local function show(value)
	if value == nil then return "nil" end
	return type(value) .. ":" .. tostring(value)
end

local function answer(...)
	for n = 1, select("#", ...) do
		KSR.hdr.append_to_reply("X-Result: " .. show((select(n, ...))) .. "\r\n")
	end
	if select("#", ...) == 0 then
		KSR.hdr.append_to_reply("X-Result: none\r\n")
	end
	KSR.sl.send_reply(200, "Done")
end

local case = {}

-- core
case["log"] = function() return KSR.log("info", "a line from the coverage script\n") end
case["dbg"] = function() return KSR.dbg("a line from the coverage script\n") end
case["is_method"] = function() return KSR.is_method("OPTIONS"), KSR.is_method("INVITE"), KSR.is_method("INVITE|OPTIONS") end
case["is_method_in"] = function() return KSR.is_method_in("O"), KSR.is_method_in("IAB"), KSR.is_method_in("IO") end
case["is_myself"] = function()
	return KSR.is_myself("sip:kam.test"), KSR.is_myself("sip:x@kam.test"), KSR.is_myself("sip:other.test"),
		KSR.is_myself("kam.test")
end
case["flags"] = function()
	return KSR.isflagset(3), KSR.setflag(3), KSR.isflagset(3), KSR.resetflag(3), KSR.isflagset(3), KSR.setflag(99)
end
case["branch_flags"] = function() return KSR.isbflagset(4), KSR.setbflag(4), KSR.isbflagset(4), KSR.resetbflag(4) end
case["setdsturi"] = function()
	return KSR.isdsturiset(), KSR.setdsturi("sip:127.0.0.1:9"), KSR.isdsturiset(), KSR.pv.get("$du"),
		KSR.resetdsturi(), KSR.isdsturiset()
end
case["version"] = function() return KSRVERSION end
case["nothing_there"] = function() return KSR.nomodule, KSR.sl.nofunction, type(KSR.sl), type(KSR.sl.send_reply) end
case["caught_exit"] = function() return pcall(function() KSR.x.exit() end) end
case["too_few"] = function() return KSR.hdr.remove() end
case["too_many"] = function() return KSR.hdr.remove("X-Absent", "X-Absent") end
case["coercion"] = function() return KSR.setflag("7"), KSR.isflagset(7), KSR.pv.sets("$var(n)", 12), KSR.pv.get("$var(n)") end

-- pv
case["pv_get"] = function()
	return KSR.pv.get("$rU"), KSR.pv.get("$du"), KSR.pv.get("$sp") == KSR.kx.get_srcport(), KSR.pv.get("$ml") ~= nil
end
case["pv_gete"] = function() return KSR.pv.gete("$rU"), KSR.pv.gete("$du") end
case["pv_getw"] = function() return KSR.pv.getw("$rd"), KSR.pv.getw("$du") end
case["pv_getvn"] = function()
	return KSR.pv.getvn("$hdr(X-Absent)", 7), KSR.pv.getvn("$Rp", 7) > 1000, KSR.pv.getvn("$rU", 7)
end
case["pv_getvs"] = function() return KSR.pv.getvs("$hdr(X-Absent)", "default"), KSR.pv.getvs("$rd", "default") end
case["pv_is_null"] = function() return KSR.pv.is_null("$du"), KSR.pv.is_null("$rU"), KSR.pv.is_null("$avp(unset)") end
case["pv_seti"] = function()
	return KSR.pv.seti("$var(i)", 42), KSR.pv.get("$var(i)"), KSR.pv.seti("$avp(i)", 43), KSR.pv.get("$avp(i)")
end
case["pv_sets"] = function()
	return KSR.pv.sets("$var(s)", "text"), KSR.pv.get("$var(s)"), KSR.pv.sets("$rU", "other"), KSR.pv.get("$rU"),
		KSR.pv.sets("$ci", "x")
end
case["pv_unset"] = function() return KSR.pv.sets("$avp(u)", "x"), KSR.pv.unset("$avp(u)"), KSR.pv.is_null("$avp(u)") end
case["pv_unknown"] = function() return KSR.pv.get("$nosuch") end
case["pv_unset_var"] = function()
	return KSR.pv.get("$var(never)"), KSR.pv.get("$shv(never)"), KSR.pv.get("$sht(held=>never)")
end
case["pv_transformation"] = function()
	return KSR.pv.get("$(ru{uri.host})"), KSR.pv.get("$(rU{s.len})"), KSR.pv.get("$(rU{s.substr,0,2})"),
		KSR.pv.get("$(rU{s.replace,_,-})")
end
case["pv_message"] = function()
	return KSR.pv.get("$rm"), KSR.pv.get("$fu"), KSR.pv.get("$fU"), KSR.pv.get("$tU"), KSR.pv.get("$fd"),
		KSR.pv.get("$cs"), KSR.pv.get("$rb"),
		KSR.pv.get("$rs"), KSR.pv.get("$tt"), KSR.pv.get("$proto"), KSR.pv.get("$rp"), KSR.pv.get("$ou"),
		KSR.pv.get("$si"), KSR.pv.get("$mt")
end

-- Lists of pseudo-variables: each is shown with its name.
local function listed(names)
	return function()
		local out = {}
		for n, name in ipairs(names) do out[n] = name .. " " .. show(KSR.pv.get(name)) end
		return unpack(out)
	end
end
local function types(names)
	return function()
		local out = {}
		for n, name in ipairs(names) do out[n] = name .. " " .. type(KSR.pv.get(name)) end
		return unpack(out)
	end
end

case["list_uris"] = listed({ "$ru", "$rU", "$rd", "$rp", "$rP", "$rz", "$ou", "$oU", "$od", "$op", "$oP", "$du",
		"$dd", "$dp", "$dP", "$br",
	"$ds", "$nh(u)", "$nh(U)", "$nh(d)", "$nh(p)", "$nh(P)" })
case["list_parties"] = listed({ "$fu", "$fU", "$fd", "$fn", "$ft", "$tu", "$tU", "$td", "$tn", "$tt", "$ct",
		"$ai", "$pu",
	"$di", "$re", "$rt", "$au", "$ad", "$aU", "$ar", "$aa", "$adu", "$ua" })
-- Names of later versions than 5.6.
case["list_later"] = listed({ "$ctu", "$cts" })
case["list_message"] = listed({ "$ci", "$cs", "$csb", "$rm", "$rmid", "$rs", "$rr", "$rb", "$bs", "$cT", "$cl",
		"$mt", "$hdr(X-Multi)",
	"$(hdr(X-Multi)[0])", "$(hdr(X-Multi)[1])", "$(hdr(X-Multi)[-1])", "$(hdr(X-Multi)[2])", "$(hdr(X-Multi)[*])",
		"$hdrc(X-Multi)",
	"$hdrc(X-Absent)", "$hfl(Contact)", "$hdr(v)", "$hdr(From)" })
case["list_network"] = listed({ "$si", "$sp", "$su", "$sas", "$sut", "$Ri", "$Rp", "$Rn", "$Ru", "$Rut", "$RAi",
		"$RAp", "$pr", "$proto", "$fs",
	"$fsn", "$af" })
case["list_state"] = listed({ "$var(never)", "$vn(never)", "$vz(never)", "$avp(never)", "$xavp(never)",
		"$xavp(never=>x)", "$shv(never)",
	"$sht(held=>never)", "$shtcn(held=>%~~none)", "$T_reply_code", "$T_branch_idx", "$T(id_index)", "$T(reply_code)",
		"$T_req($rU)",
	"$rc", "$retcode", "$null", "$mf", "$bf", "$stat(no_such)", "$def(NO_SUCH)", "$ltt(t)", "$branch(uri)",
	"$dlg(h_id)", "$dlg_var(x)", "$sdp(body)", "$xavp(_dsdst_)" })
case["list_types"] = types({ "$ml", "$mb", "$mi", "$conid", "$pp", "$TS", "$Ts", "$TV(n)", "$TV(s)", "$Tf",
		"$timef(%Y)", "$time(hour)",
	"$version(num)", "$version(full)", "$stat(200_replies)", "$env(PATH)", "$ltt(s)", "$ltt(x)", "$RANDOM", "$sid",
		"$sel(@ruri.user)" })
case["list_writes"] = function()
	local out = {}
	local function write(name, value, read)
		out[#out + 1] = name .. " " .. show(KSR.pv.sets(name, value)) .. " " .. show(KSR.pv.get(read or name))
	end
	write("$ru", "sip:one@two.test:5070;transport=tcp")
	write("$rU", "three")
	write("$rd", "four.test", "$ru")
	write("$rp", "5080", "$ru")
	write("$du", "sip:127.0.0.1:9;transport=tcp")
	write("$fu", "sip:five@six.test")
	write("$fn", "Seven", "$fn")
	write("$tu", "sip:eight@nine.test")
	write("$avp(a)", "first")
	write("$avp(a)", "second")
	write("$(avp(a)[*])", "third", "$(avp(a)[1])")
	write("$var(v)", "")
	write("$xavp(x=>y)", "deep")
	write("$xavu(x=>y)", "flat")
	write("$vn(v)", "set")
	write("$sht(held=>w)", "cell")
	write("$ci", "read-only", "$cs")
	write("$nosuch", "x")
	return unpack(out)
end
local TEXT = "$(var(t)"
case["list_strings"] = function()
	KSR.pv.sets("$var(t)", "Hello, World-42")
	local out = {}
	for n, change in ipairs({ "s.len", "s.int", "s.substr,1,3", "s.substr,-3,0", "s.select,1,,", "s.select,-1,,",
		"s.tolower", "s.toupper",
		"s.strip,2", "s.striptail,3", "s.replace,o,0", "s.md5", "s.sha256", "s.encode.hexa", "s.encode.base64", "s.escape.common",
		"s.escape.user", "s.escape.param", "s.numeric", "s.rm,l", "s.index,World", "s.rmws", "s.after,-", "s.before,-",
		"s.fmlint", "s.nosuch",
		"re.subst,/l/L/g", "re.subst,/(W.*)-/<\\1>/", "s.trim", "s.prefixes", "s.count,l" }) do
		out[n] = change .. " " .. show(KSR.pv.get(TEXT .. "{" .. change .. "})"))
	end
	return unpack(out)
end
case["list_parsers"] = function()
	local out = {}
	local function parse(value, ...)
		KSR.pv.sets("$var(t)", value)
		for _, change in ipairs({ ... }) do out[#out + 1] = change .. " " .. show(KSR.pv.get(TEXT .. "{" .. change .. "})")) end
	end
	parse("sip:user:pw@host.test:5090;transport=tcp;x=y?Subject=z", "uri.user", "uri.passwd", "uri.host", "uri.port",
		"uri.params", "uri.transport",
		"uri.scheme", "uri.headers", "uri.param,x", "uri.param,none", "uri.tosocket")
	parse("sip:host.test", "uri.user", "uri.port", "uri.transport")
	parse('"A Name" <sip:user@host.test;lr>;tag=abc;q=0.5', "nameaddr.name", "nameaddr.uri", "nameaddr.len",
		"tobody.uri", "tobody.tag",
		"tobody.user", "tobody.host", "tobody.display", "tobody.params")
	parse("a=1;b=two;c", "param.value,a", "param.value,b", "param.value,c", "param.value,none", "param.name,0",
		"param.valueat,1", "param.count",
		"param.in,b", "param.in,none")
	parse("one\r\ntwo\r\nthree", "line.count", "line.at,0", "line.at,1", "line.at,-1", "line.sw,tw")
	parse("7", "s.int")
	return unpack(out)
end

-- hdr, textops, textopsx
case["hdr_gete"] = function() return KSR.hdr.gete("X-Probe"), KSR.hdr.gete("X-Absent") end
case["hdr_get"] = function() return KSR.hdr.get("X-Probe"), KSR.hdr.get("X-Absent") end
case["hdr_is_present"] = function() return KSR.hdr.is_present("X-Probe"), KSR.hdr.is_present("X-Absent") end
case["hdr_append"] = function() return KSR.hdr.append("X-New: one\r\n"), KSR.hdr.is_present("X-New"), KSR.hdr.get("X-New") end
case["hdr_remove"] = function() return KSR.hdr.remove("X-Probe"), KSR.hdr.is_present("X-Probe"), KSR.hdr.remove("X-Absent") end
case["has_body_type"] = function()
	return KSR.textops.has_body_type("application/sdp"), KSR.textops.has_body_type("text/plain"), KSR.textops.has_body()
end
case["msg_apply_changes"] = function()
	KSR.hdr.append("X-New: one\r\n")
	KSR.hdr.remove("X-Probe")
	local before = KSR.pv.get("$hdr(X-New)")
	return before, KSR.textopsx.msg_apply_changes(), KSR.pv.get("$hdr(X-New)"), KSR.pv.get("$hdr(X-Probe)")
end

-- kx, siputils, corex, maxfwd
case["kx_users"] = function() return KSR.kx.get_fuser(), KSR.kx.get_tuser(), KSR.kx.get_ruser(), KSR.kx.gete_fuser() end
case["kx_rest"] = function()
	return KSR.kx.get_furi(), KSR.kx.get_ruri(), KSR.kx.get_method(), KSR.kx.get_srcip(), KSR.kx.get_status(),
		KSR.kx.gete_fhost(), KSR.kx.gete_ua(),
		KSR.kx.ifdef("WITH_NOTHING")
end
case["siputils"] = function()
	return KSR.siputils.has_totag(), KSR.siputils.is_request(), KSR.siputils.is_reply(), KSR.siputils.is_first_hop()
end
case["has_ruri_user"] = function() return KSR.corex.has_ruri_user() end
case["process_maxfwd"] = function() return KSR.maxfwd.process_maxfwd(10) end

-- rr
case["preloaded_route"] = function() return KSR.rr.loose_route(), KSR.pv.get("$du"), KSR.pv.get("$ru") end
case["is_direction"] = function()
	local routed = KSR.rr.loose_route()
	return routed, KSR.rr.is_direction("downstream"), KSR.rr.is_direction("upstream")
end
case["check_route_param"] = function()
	return KSR.rr.loose_route(), KSR.rr.check_route_param("nat=yes"), KSR.rr.check_route_param("nat=no")
end

-- sdpops
case["sdp_line"] = function()
	return KSR.sdpops.sdp_get_line_startswith("$avp(line)", "m="), KSR.pv.get("$avp(line)"),
		KSR.sdpops.sdp_get_line_startswith("$avp(none)", "z="),
		KSR.pv.get("$avp(none)")
end

-- dispatcher
case["ds_select_dst"] = function()
	return KSR.dispatcher.ds_select_dst(1, 4), KSR.pv.get("$du"), KSR.dispatcher.ds_select_dst(99, 4)
end
case["ds_is_from_list"] = function()
	return KSR.dispatcher.ds_is_from_list(1), KSR.dispatcher.ds_is_from_list(2), KSR.dispatcher.ds_is_from_list(99)
end

-- htable
case["htable"] = function()
	return KSR.htable.sht_sets("held", "word", "text"), KSR.htable.sht_get("held", "word"),
		KSR.htable.sht_seti("held", "count", 1),
		KSR.htable.sht_inc("held", "count"), KSR.pv.get("$sht(held=>count)"), KSR.htable.sht_match_name("held", "eq", "word"),
		KSR.htable.sht_match_name("held", "eq", "absent"), KSR.htable.sht_rm("held", "word"), KSR.htable.sht_get("held", "word")
end

-- the rest of the list
case["xerr"] = function() return KSR.xlog.xerr("a line from $rU\n") end
case["route"] = function() return KSR.route("NATIVE"), KSR.route("NOWHERE") end
case["check_route_exists"] = function()
	return KSR.cfgutils.check_route_exists("NATIVE"), KSR.cfgutils.check_route_exists("NOWHERE"),
		KSR.cfgutils.check_route_exists("ksr_resumed")
end
case["is_known_dlg"] = function() return KSR.dialog.is_known_dlg() end
case["sip_trace"] = function() return KSR.siptrace.sip_trace() end

-- tm, tmx
case["t_without"] = function()
	return KSR.tm.t_is_set("branch_route"), KSR.tm.t_check_trans(), KSR.tmx.t_precheck_trans(),
		KSR.pv.get("$T_reply_code"), KSR.pv.get("$T(id_index)")
end
case["t_newtran"] = function() return KSR.tm.t_newtran(), KSR.tm.t_newtran() end
case["t_is_set"] = function()
	return KSR.tm.t_on_branch("ksr_branch"), KSR.tm.t_is_set("branch_route"), KSR.tm.t_on_reply("ksr_branch"),
		KSR.tm.t_is_set("onreply_route"),
		KSR.tm.t_on_failure("ksr_branch"), KSR.tm.t_is_set("failure_route"), KSR.tm.t_is_canceled()
end
case["sl_tm"] = function() return KSR.sl.sl_send_reply(199, "Early"), KSR.pv.get("$T_reply_code") end

function ksr_branch() end

function ksr_request_route()
	local name = KSR.pv.gete("$rU")
	if name == "" then
		KSR.sl.send_reply(200, "Keepalive")
	elseif name == "t_reply" then
		KSR.tm.t_newtran()
		KSR.hdr.append_to_reply("X-Before: yes\r\n")
		local code = KSR.tm.t_reply(202, "From the transaction")
		KSR.pv.sets("$sht(held=>t_reply)", show(code) .. " then " .. show(KSR.tm.t_reply(500, "Again")))
	elseif name == "t_reply_was" then
		answer(KSR.pv.get("$sht(held=>t_reply)"))
	elseif name == "t_suspend" then
		KSR.pv.sets("$sht(held=>state)", show(KSR.tmx.t_suspend()))
		KSR.pv.seti("$sht(held=>index)", KSR.pv.get("$T(id_index)"))
		KSR.pv.seti("$sht(held=>label)", KSR.pv.get("$T(id_label)"))
	elseif name == "t_continue" then
		local index, label = KSR.pv.get("$sht(held=>index)"), KSR.pv.get("$sht(held=>label)")
		answer(KSR.pv.get("$sht(held=>state)"), type(index), KSR.tmx.t_continue(index, label, "ksr_resumed"))
	elseif name == "no_answer" then
		return 1
	elseif name == "lua_error" then
		KSR.pv.get(nil .. "x")
	elseif name == "three_answers" then
		KSR.sl.send_reply(100, "One")
		KSR.sl.send_reply(180, "Two")
		KSR.sl.send_reply(200, "Three")
	elseif case[name] then
		answer(case[name]())
	elseif not KSR.is_ACK() then
		KSR.sl.send_reply(404, "No such case")
	end
	return 1
end

function ksr_resumed()
	KSR.hdr.append_to_reply("X-Resumed: " .. KSR.pv.gete("$rU") .. "\r\n")
	KSR.tm.t_reply(203, "Resumed")
end
