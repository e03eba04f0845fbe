-- Replies from a script: stateless, through a transaction, and from a failure route. The user of the Request-URI (or
-- the field X-Case) names the case; `counters` answers with the statistics of the sl module.

local COUNTERS = {
	"200_replies", "202_replies", "2xx_replies", "1xx_replies", "300_replies", "301_replies", "302_replies", "3xx_replies",
	"400_replies", "401_replies", "403_replies", "404_replies", "407_replies", "408_replies", "483_replies", "4xx_replies",
	"500_replies", "5xx_replies", "6xx_replies", "xxx_replies", "sent_replies", "sent_err_replies", "failures", "received_ACKs",
}

local function not_found() return KSR.sl.send_reply(404, "Not found") end
local function invalid_user() return KSR.sl.send_reply(403, "Invalid user - " .. KSR.kx.gete_fuser()) end

local function with_transaction(reply)
	KSR.tm.t_newtran()
	reply()
end

local function relay_then(route)
	-- Kamailio counts Max-Forwards down only here; ours does in any case.
	KSR.maxfwd.process_maxfwd(10)
	KSR.tm.t_on_failure(route)
	if KSR.tm.t_relay() < 0 then KSR.sl.sl_reply_error() end
end

local case = {
	["not_found"] = not_found,
	["invalid_user"] = invalid_user,
	["not_found_stateful"] = function() with_transaction(not_found) end,
	["invalid_user_stateful"] = function() with_transaction(invalid_user) end,
	["fail_not_found"] = function() relay_then("seed_not_found") end,
	["fail_invalid_user"] = function() relay_then("seed_invalid_user") end,
	["code_as_text"] = function() KSR.sl.send_reply("404", "As text") end,
	["code_204"] = function() KSR.sl.send_reply(204, "No counter of its own") end,
	["code_300"] = function() KSR.sl.send_reply(300, "No contact") end,
	["redirect"] = function()
		KSR.pv.sets("$ru", "sip:elsewhere@127.0.0.1:9")
		KSR.sl.send_reply(302, "Moved")
	end,
	["code_603"] = function() KSR.sl.send_reply(603, "Decline") end,
	["code_700"] = function() KSR.sl.send_reply(700, "Beyond") end,
	["reply_error"] = function() KSR.sl.sl_reply_error() end,
	["mode"] = function() KSR.sl.send_reply_mode(404, "Mode", 1) end,
	["empty_reason"] = function() KSR.sl.send_reply(404, "") end,
	["counters"] = function()
		for _, name in ipairs(COUNTERS) do
			KSR.hdr.append_to_reply("X-Counter: " .. name .. "=" .. tostring(KSR.pv.get("$stat(" .. name .. ")")) .. "\r\n")
		end
		KSR.sl.send_reply(202, "Counted")
	end,
}

function ksr_request_route()
	if KSR.is_ACK() then
		-- The ACK to a reply of a transaction: tm takes it. Those to stateless replies never come here.
		KSR.tm.t_check_trans()
		return 1
	end
	if not KSR.is_CANCEL() and KSR.tm.t_check_trans() == 0 then return 1 end
	local name = KSR.hdr.gete("X-Case")
	if name == "" then name = KSR.pv.gete("$rU") end
	if case[name] then
		case[name]()
	else
		KSR.sl.send_reply(200, "Keepalive")
	end
	return 1
end

function seed_not_found() not_found() end

function seed_invalid_user() invalid_user() end
