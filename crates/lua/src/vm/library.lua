-- What every VM runs before the preludes of the doors and the script: protected calls that cannot swallow the end of a
-- slice, coroutines through which a waiting function reaches the host, and the standard library without what blocks.
-- `host` holds functions of the host; what this chunk returns is used by the host alone.
local host = ...
local G = _G
local error, type, tostring, select, next, rawget, rawset = error, type, tostring, select, next, rawget, rawset
local setmetatable, getmetatable, setfenv, unpack = setmetatable, getmetatable, setfenv, unpack
local real_pcall, real_xpcall, real_load, real_gc = pcall, xpcall, load, collectgarbage
local concat, sort = table.concat, table.sort
local create, resume, yield, running = coroutine.create, coroutine.resume, coroutine.yield, coroutine.running
local isyieldable = coroutine.isyieldable
local over, describe, error_text = host.over, host.describe, host.error_text

-- Results of a slice, first value: 1 returned, 2 failed, 3 left by an exit function (the coroutine is of no use any more),
-- 4 exit marker raised as an error, 5 no such function. MARK: the run waits.
local MARK = host.mark
local names, markers, marker_count = {}, {}, 0
-- Coroutines of the host; scripts may not yield out of them, nor resume them.
local ours = setmetatable({}, { __mode = "k" })
-- True once this run made a protected call or resumed a coroutine: then exit markers must be raised as errors, because
-- somebody may want to see them. Otherwise the run is simply left, which is ten times cheaper.
local careful = false

-- Protected calls -----------------------------------------------------------------------------------------------------

local function plain(ok, e, ...)
	if not ok and type(e) == "userdata" then return ok, error_text(e), ... end
	return ok, e, ...
end

function G.pcall(f, ...)
	careful = true
	return plain(real_pcall(f, ...))
end

-- A handler runs where the hook does not: it must not run at all for the error that ends the slice.
function G.xpcall(f, h, ...)
	careful = true
	return plain(real_xpcall(f, function(e)
		if over() then return e end
		if type(e) == "userdata" then e = error_text(e) end
		return h(e)
	end, ...))
end

-- Coroutines ----------------------------------------------------------------------------------------------------------

local function relay(co, ok, first, ...)
	if ok and first == MARK then return relay(co, resume(co, yield(MARK))) end
	return plain(ok, first, ...)
end

local function go_on(co, ...)
	careful = true
	if ours[co] then return false, "cannot resume this coroutine" end
	return relay(co, resume(co, ...))
end

local function unwrap(ok, e, ...)
	if ok then return e, ... end
	error(e, 0)
end

coroutine.resume = go_on
function coroutine.wrap(f)
	local co = create(f)
	return function(...) return unwrap(go_on(co, ...)) end
end
function coroutine.yield(...)
	local co = running()
	if co == nil or ours[co] then error("attempt to yield outside a coroutine", 2) end
	return yield(...)
end

-- Functions of the table that wait or exit ----------------------------------------------------------------------------

local function waited(was, ...)
	careful = was
	return ...
end

local function waiting(raw, name)
	return function(...)
		if not isyieldable() then
			error(name .. " waits: it cannot be called while the script loads, nor inside a callback of sort", 2)
		end
		local answer, parked = raw(...)
		if parked then return waited(careful, yield(MARK)) end
		return answer
	end
end

local function exiting(raw, marker)
	local index = markers[marker]
	if not index then
		marker_count = marker_count + 1
		index = marker_count
		markers[marker] = index
	end
	return function(...)
		if raw(...) == false then return false end
		if not careful and isyieldable() and ours[running()] then yield(3, index) end
		error(marker, 0)
	end
end

-- The bodies of the host's coroutines: each serves one call after the other --------------------------------------------

local function handler(e)
	if e ~= nil and markers[e] then return markers[e] end
	if type(e) ~= "string" and type(e) ~= "userdata" then e = tostring(e) end
	describe(e)
	return true
end

local serve
local function done(f, ok, e, ...)
	if ok then return serve(yield(1, e, ...)) end
	return serve(yield(type(e) == "number" and 4 or 2, e, f))
end
serve = function(what, ...)
	careful = false
	local f = what
	if type(what) == "number" then
		f = rawget(G, names[what])
		if type(f) ~= "function" then return serve(yield(5)) end
	end
	return done(f, real_xpcall(f, handler, ...))
end
local function body(...)
	ours[running()] = true
	return serve(...)
end

-- The same for one entry without arguments whose results nobody reads: nearly all calls are such, and every step counts.
local function plain_body(what)
	ours[running()] = true
	local name = names[what]
	while true do
		careful = false
		local f = rawget(G, name)
		if type(f) == "function" then
			local ok, e = real_xpcall(f, handler)
			if ok then
				-- What it returned must not live on in a coroutine of the pool.
				e = nil
				yield(1)
			else
				yield(type(e) == "number" and 4 or 2, e, f)
			end
		else
			yield(5)
		end
	end
end

-- Source text ---------------------------------------------------------------------------------------------------------

local function loader(env)
	local function compile(source, name)
		host.compiles(#source)
		local chunk, e = real_load(source, name, "t")
		if chunk and env ~= G then setfenv(chunk, env) end
		return chunk, e
	end
	local function load(source, name, mode, other)
		if type(source) == "function" then
			local pieces = {}
			for piece in source do
				if piece == "" then break end
				pieces[#pieces + 1] = piece
			end
			source, name = concat(pieces), name or "=(load)"
		end
		if type(source) == "string" and #source > host.most then return nil, "the source is too long" end
		local chunk, e = compile(source, name or source)
		if chunk and other then setfenv(chunk, other) end
		return chunk, e
	end
	local function loadfile(path)
		if path == nil then error("loadfile needs the name of a file in the script folder", 2) end
		local source, file = host.read(path)
		if not source then return nil, file end
		return compile(source, "@" .. file)
	end
	local function dofile(path)
		local chunk, e = loadfile(path)
		if not chunk then error(e, 2) end
		return chunk()
	end
	return compile, load, loadfile, dofile
end

local function refuse(name, instead)
	return function() error(name .. " is not available to scripts: " .. instead, 2) end
end

local function packages(env, compile)
	local package = {
		loaded = {}, preload = {}, path = "./?.lua;./?/init.lua", cpath = "", config = "/\n;\n?\n!\n-\n",
		loadlib = refuse("package.loadlib", "modules in C cannot be loaded; put a Lua module into the script folder"),
	}
	for _, name in next, { "string", "table", "math", "os", "io", "coroutine", "debug", "bit" } do
		package.loaded[name] = env[name]
	end
	package.loaded._G = env
	package.loaded.package = package
	local function search(name)
		local tried, seen = {}, {}
		local part = name:gsub("%.", "/")
		for template in (tostring(package.path) .. ";./?.lua;./?/init.lua"):gmatch("[^;]+") do
			local path = template:gsub("%?", function() return part end)
			if not seen[path] then
				seen[path] = true
				local source, file = host.read(path)
				if source then return source, file end
				tried[#tried + 1] = "\n\t" .. file
			end
		end
		return nil, concat(tried)
	end
	local function require(name)
		local loaded = package.loaded[name]
		if loaded ~= nil then return loaded end
		local chunk = package.preload[name]
		if not chunk then
			local source, file = search(name)
			if not source then
				error("module '" .. name .. "' is not in the script folder:" .. file, 2)
			end
			local e
			chunk, e = compile(source, "@" .. file)
			if not chunk then error(e, 0) end
		end
		package.loaded[name] = true
		local result = chunk(name)
		if result ~= nil then package.loaded[name] = result end
		return package.loaded[name]
	end
	return package, require
end

-- The standard library ------------------------------------------------------------------------------------------------

function G.print(...)
	local words = {}
	for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
	host.print(concat(words, "\t"))
end

function G.collectgarbage(what)
	if what == "count" then return real_gc("count") end
	return 0
end
-- No finalizers: the host collects garbage and makes strings while it holds its own locks.
G.newproxy = nil
string.dump = refuse("string.dump", "load the source instead")
getmetatable("").__metatable = false
math.randomseed(host.seed)

local real_time, real_date, difftime = os.time, os.date, os.difftime
local no_files = "scripts cannot change files; use the database or htable functions, or the log"
G.os = {
	difftime = difftime,
	time = function(fields) if fields then return real_time(fields) end return host.time() end,
	date = function(format, at) return real_date(format, at or host.time()) end,
	clock = host.clock,
	getenv = host.getenv,
	execute = refuse("os.execute", "programs cannot be started from a script; use an HTTP query or an external module"),
	exit = refuse("os.exit", "return from the route, or use the exit function of the door"),
	remove = refuse("os.remove", no_files),
	rename = refuse("os.rename", no_files),
	tmpname = refuse("os.tmpname", no_files),
	setlocale = refuse("os.setlocale", "the locale belongs to the whole process"),
}

local File = {}
File.__index = File
function File:read(what)
	if what == nil then what = "*l" end
	local text, at = self.text, self.at
	if type(what) == "number" then
		if at > #text then return nil end
		self.at = at + what
		return text:sub(at, at + what - 1)
	end
	what = what:gsub("^%*", ""):sub(1, 1)
	if what == "a" then
		self.at = #text + 1
		return text:sub(at)
	end
	if at > #text then return nil end
	local stop = text:find("\n", at, true) or #text + 1
	self.at = stop + 1
	local line = text:sub(at, stop - 1)
	if what == "n" then return tonumber(line) end
	return line
end
function File:lines() return function() return self:read("*l") end end
function File:close() return true end
File.write = refuse("file:write", no_files)

local function open(path, mode)
	if mode and not mode:find("^r[bt]?$") then return nil, path .. ": " .. no_files end
	local source, e = host.read(path)
	if not source then return nil, e end
	return setmetatable({ text = source, at = 1 }, File)
end
G.io = {
	open = open,
	lines = function(path)
		local file, e = open(path)
		if not file then error(e, 2) end
		return file:lines()
	end,
	write = function(...) host.print(concat({ ... })) end,
	type = function(x) return getmetatable(x) == File and "file" or nil end,
	popen = refuse("io.popen", "programs cannot be started from a script; use an HTTP query or an external module"),
	read = refuse("io.read", "a server has no terminal"),
	input = refuse("io.input", "a server has no terminal"),
	output = refuse("io.output", "write to the log"),
	tmpfile = refuse("io.tmpfile", no_files),
	close = refuse("io.close", "close the file itself"),
}

G.debug = setmetatable({ traceback = host.traceback, getinfo = host.getinfo }, {
	__index = function(_, name)
		return refuse("debug." .. tostring(name), "only debug.traceback and debug.getinfo(level) are")
	end,
})

if host.ordered then
	local ranks = { number = 1, string = 2, boolean = 3 }
	local function before(a, b)
		local x, y = ranks[type(a)] or 4, ranks[type(b)] or 4
		if x ~= y then return x < y end
		if x == 3 then return a and not b end
		return x < 3 and a < b
	end
	function G.pairs(t)
		local keys, count, at = {}, 0, 0
		for key in next, t do
			count = count + 1
			keys[count] = key
		end
		sort(keys, before)
		return function()
			while at < count do
				at = at + 1
				local key = keys[at]
				local value = rawget(t, key)
				if value ~= nil then return key, value end
			end
		end, t, nil
	end
end

do
	local compile
	compile, G.load, G.loadfile, G.dofile = loader(G)
	G.loadstring = G.load
	G.package, G.require = packages(G, compile)
end

-- Environments of their own -------------------------------------------------------------------------------------------

local function lazily(source)
	return setmetatable({}, { __metatable = false, __index = function(copy, key)
		local value = source[key]
		if type(value) == "table" and getmetatable(value) == nil then value = lazily(value) end
		if value ~= nil then rawset(copy, key, value) end
		return value
	end })
end

local function source_functions(env)
	local compile, load, loadfile, dofile = loader(env)
	rawset(env, "load", load)
	rawset(env, "loadstring", load)
	rawset(env, "loadfile", loadfile)
	rawset(env, "dofile", dofile)
	local package, require = packages(env, compile)
	rawset(env, "package", package)
	rawset(env, "require", require)
end

local made_late = { load = true, loadstring = true, loadfile = true, dofile = true, package = true, require = true }
local shared_only = { getfenv = true, setfenv = true }

local function environment()
	local env = {}
	env._G = env
	return setmetatable(env, { __metatable = false, __index = function(_, key)
		if made_late[key] then
			source_functions(env)
			return rawget(env, key)
		end
		if shared_only[key] then return nil end
		local value = rawget(G, key)
		if type(value) == "table" and getmetatable(value) == nil then
			value = lazily(value)
			rawset(env, key, value)
		end
		return value
	end })
end

return body, plain_body, names, waiting, exiting, environment
