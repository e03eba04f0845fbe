-- Calls to whoever registered, and four users of the Request-URI at whom the script does what it must not: `loop`, `eat`,
-- `error`, `wait`, each also with a number behind it (`loop-17`), so that it is another route to the server each time.

local bad = {
	loop = function()
		while true do end
	end,
	eat = function()
		local eaten, piece = {}, string.rep("x", KSR.pv.get("$shv(piece)"))
		while true do eaten[#eaten + 1] = piece .. #eaten end
	end,
	error = function()
		error("raised on purpose")
	end,
	wait = function()
		if KSR.http_client.query(KSR.pv.get("$shv(slow)"), "$var(answer)") == 200 then
			KSR.sl.sl_send_reply(480, KSR.pv.get("$var(answer)"))
		else
			KSR.sl.sl_send_reply(503, "No Answer Over HTTP")
		end
	end,
}

local function in_dialog(method)
	if KSR.rr.loose_route() > 0 then
		KSR.tm.t_relay()
	elseif method == "ACK" then
		if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
	else
		KSR.sl.sl_send_reply(404, "Not Here")
	end
end

function ksr_request_route()
	if KSR.maxfwd.process_maxfwd(70) < 0 then
		KSR.sl.sl_send_reply(483, "Too Many Hops")
		return 1
	end
	local method = KSR.kx.get_method()
	if KSR.siputils.has_totag() > 0 then
		in_dialog(method)
		return 1
	end
	if method == "CANCEL" then
		if KSR.tm.t_check_trans() > 0 then KSR.tm.t_relay() end
		return 1
	end
	if method == "REGISTER" then
		KSR.registrar.save("location", 0)
		return 1
	end
	local user = KSR.kx.gete_ruser()
	local misdeed = bad[string.match(user, "^%a+")]
	if misdeed then
		misdeed()
		return 1
	end
	if user == "" and method == "OPTIONS" and KSR.is_myself_ruri() then
		KSR.sl.sl_send_reply(200, "OK")
		return 1
	end
	if KSR.registrar.lookup("location") < 0 then
		KSR.sl.sl_send_reply(404, "Not Found")
		return 1
	end
	if method == "INVITE" then KSR.rr.record_route() end
	if KSR.tm.t_relay() < 0 then KSR.sl.sl_reply_error() end
	return 1
end
