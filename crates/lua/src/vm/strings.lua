-- Functions of strings and tables in place of those of the VM that can take long: those run to their end whatever they
-- cost, because the hook counts instructions and they are one. Cheap calls still go to the VM's own; what is long is
-- counted (`host.handles`) or refused; patterns that can be dear are matched by the host, which counts steps.
-- The VM's own functions are called as tail calls, so that their errors name the line of the script.
local host = ...
local string, table = string, table
local error, type, select, next, rawget, rawset, tonumber = error, type, select, next, rawget, rawset, tonumber
local real_find, real_match, real_gmatch, real_gsub = string.find, string.match, string.gmatch, string.gsub
local real_rep, real_format, sub, byte = string.rep, string.format, string.sub, string.byte
local real_concat, real_sort, real_insert = table.concat, table.sort, table.insert
local judge, find, match, matches, substitute, handles =
	host.judge, host.find, host.match, host.matches, host.substitute, host.handles
local most, kept_max, kept_octets_max, captures_max = host.most, host.kept_max, host.kept_octets_max, host.captures_max

-- Octets that are handled without being counted, pieces that are joined, and elements that are moved or sorted.
local FEW, FEW_PIECES, FEW_ELEMENTS = 16384, 8, 64

local function too_long(name) return name .. ": the result would be longer than " .. most .. " octets" end

-- Patterns ------------------------------------------------------------------------------------------------------------

-- By pattern: how long a subject may be to be given to the VM's own function; -1 for one that never is.
local short, kept = {}, 0

local function length_of(p)
	if type(p) ~= "string" then return -1 end
	local length = judge(p)
	if #p > kept_octets_max then return length end
	if kept == kept_max then short, kept = {}, 0 end
	kept = kept + 1
	short[p] = length
	return length
end

local function text(x)
	if type(x) == "number" then return x .. "" end
	return type(x) == "string" and x or nil
end

local function place(x)
	if x == nil then return 1 end
	return tonumber(x)
end

local function answer(first, ...)
	if first == false then error((...), 2) end
	return first, ...
end

function string.find(s, p, init, plain)
	if type(s) == "string" and #s <= (short[p] or length_of(p)) then return real_find(s, p, init, plain) end
	local subject, pattern, from = text(s), text(p), place(init)
	if not (subject and pattern and from) then return real_find(s, p, init, plain) end
	return answer(find(subject, pattern, from, plain and true or false))
end

function string.match(s, p, init)
	if type(s) == "string" and #s <= (short[p] or length_of(p)) then return real_match(s, p, init) end
	local subject, pattern, from = text(s), text(p), place(init)
	if not (subject and pattern and from) then return real_match(s, p, init) end
	return answer(match(subject, pattern, from))
end

local function without_places(first, last, ...)
	if first == false then error(last, 2) end
	return ...
end

function string.gmatch(s, p)
	if type(s) == "string" and #s <= (short[p] or length_of(p)) then return real_gmatch(s, p) end
	local subject, pattern = text(s), text(p)
	if not (subject and pattern) then return real_gmatch(s, p) end
	local step = matches(subject, pattern, false, captures_max)
	return function() return without_places(step()) end
end

local function value_of(s, repl, kind, first, last, ...)
	if first == false then error(last, 3) end
	if not first then return nil end
	if (...) == nil then
		local whole = sub(s, first, last)
		if kind == "table" then return first, last, repl[whole] end
		return first, last, (repl(whole))
	end
	if kind == "table" then return first, last, repl[(...)] end
	return first, last, (repl(...))
end

-- A function or a table says what comes in the place of a match. It is called by the script, not through the VM's own
-- function, so that it may wait.
local function replace(s, p, repl, kind, max)
	local step = #s > (short[p] or length_of(p)) and matches(s, p, true, kind == "table" and 1 or captures_max)
	if not step and byte(p) == 94 and max > 1 then max = 1 end
	local pieces, count, size, at, from, done, stop = {}, 0, 0, 1, 1, 0, #s + 1
	while done < max and from <= stop do
		local first, last, value
		if step then
			first, last, value = value_of(s, repl, kind, step())
		else
			first, last, value = value_of(s, repl, kind, real_find(s, p, from))
		end
		if not first then break end
		done = done + 1
		if not value then
			value = sub(s, first, last)
		elseif type(value) ~= "string" then
			if type(value) ~= "number" then error("invalid replacement value (a " .. type(value) .. ")", 2) end
			value = value .. ""
		end
		pieces[count + 1], pieces[count + 2] = sub(s, at, first - 1), value
		size = size + first - at + #value
		count, at = count + 2, last + 1
		from = last < first and first + 1 or at
		if size > most then error(too_long("string.gsub"), 2) end
	end
	if done == 0 then return s, 0 end
	pieces[count + 1] = sub(s, at)
	if size > FEW then handles(size) end
	return real_concat(pieces), done
end

function string.gsub(s, p, repl, max)
	local kind = type(repl)
	if
		kind == "string" and type(s) == "string" and #s <= (short[p] or length_of(p))
		and #s * (#repl + 1) <= FEW
	then
		return real_gsub(s, p, repl, max)
	end
	local subject, pattern, count = text(s), text(p), max == nil and 2 ^ 31 or tonumber(max)
	if not (subject and pattern and count) then return real_gsub(s, p, repl, max) end
	if kind == "function" or kind == "table" then
		return replace(subject, pattern, repl, kind, count - count % 1)
	end
	if not text(repl) then return real_gsub(s, p, repl, max) end
	return answer(substitute(subject, pattern, text(repl), count))
end

-- Strings that may become long ----------------------------------------------------------------------------------------

function string.rep(s, n, separator)
	if separator == nil and type(s) == "string" and type(n) == "number" and #s * n <= FEW then return real_rep(s, n) end
	local one, count, between = text(s), tonumber(n), text(separator)
	if not (one and count) then return real_rep(s, n, separator) end
	local size = #one * count
	if between then size = size + #between * count end
	if size > FEW then
		if size > most then error(too_long("string.rep"), 2) end
		handles(size)
	end
	return real_rep(s, n, separator)
end

local function size_of(count, a, b, c, ...)
	local size = (type(a) == "string" and #a or 0) + (type(b) == "string" and #b or 0) + (type(c) == "string" and #c or 0)
	if count <= 3 then return size end
	return size + size_of(count - 3, ...)
end

function string.format(f, ...)
	local size = size_of(select("#", ...), ...)
	if size > FEW then
		if size > most then error(too_long("string.format"), 2) end
		handles(size)
	end
	return real_format(f, ...)
end

for _, name in next, { "upper", "lower", "reverse" } do
	local real = string[name]
	string[name] = function(s)
		if type(s) == "string" and #s > FEW then handles(#s) end
		return real(s)
	end
end

function table.concat(t, separator, from, to)
	if type(t) ~= "table" then return real_concat(t, separator, from, to) end
	local between, size = separator and #(text(separator) or "") or 0, 0
	-- So many pieces can be put together by one instruction as well.
	if from == nil and to == nil and #t <= FEW_PIECES and between <= FEW_ELEMENTS then
		return real_concat(t, separator)
	end
	local first, last = place(from), to == nil and #t or tonumber(to)
	if not (first and last) then return real_concat(t, separator, from, to) end
	for i = first, last do
		local piece = rawget(t, i)
		if type(piece) == "string" then
			size = size + #piece + between
		elseif type(piece) == "number" then
			size = size + 8 + between
		else
			break
		end
	end
	if size > FEW then
		if size > most then error(too_long("table.concat"), 2) end
		handles(size)
	end
	return real_concat(t, separator, from, to)
end

-- Tables --------------------------------------------------------------------------------------------------------------

-- What is long is done by instructions, which the hook counts.

local function before(a, b) return a < b end

function table.sort(t, less)
	if less == nil and type(t) == "table" and #t > FEW_ELEMENTS then less = before end
	return real_sort(t, less)
end

function table.insert(t, ...)
	if select("#", ...) == 2 and type(t) == "table" then
		local at, value = ...
		local n, last = tonumber(at), #t
		if n and last - n > FEW_ELEMENTS then
			for i = last, n, -1 do rawset(t, i + 1, rawget(t, i)) end
			rawset(t, n, value)
			return
		end
	end
	return real_insert(t, ...)
end

function table.maxn(t)
	local last = 0
	for key in next, t do
		if type(key) == "number" and key > last then last = key end
	end
	return last
end
