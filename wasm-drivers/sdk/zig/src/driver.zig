//! A driver: its description, and its functions as operations.

const std = @import("std");
const errors = @import("errors.zig");
const host = @import("host.zig");
const json = @import("json.zig");
const types = @import("types.zig");
const contracts = @import("contracts.zig");
const Context = @import("Context.zig");

const Allocator = std.mem.Allocator;

/// The version of the ABI.
pub const abi_version = 1;

/// What a driver is and asks for. Its families and operations are added to this
/// from its functions.
pub const Description = struct {
    /// Lower-case letters, digits, "-" and "_": what scripts call the driver.
    name: []const u8,
    /// The driver's own.
    version: []const u8,
    /// As its owner says it.
    title: []const u8 = "",
    website: []const u8 = "",
    /// What to know before using it, in Markdown.
    doc: []const u8 = "",
    /// What a connection takes beside the credentials.
    config: []const Field = &.{},
    /// Where requests go: see docs/driver-abi.md for the forms.
    hosts: []const []const u8 = &.{},
    /// What the host adds to requests.
    credentials: []const Credential = &.{},
    /// How much memory an instance may need; 64 if not given.
    memory_mib: ?u32 = null,
    /// One instance serves all calls, one after another, and is kept.
    stateful: ?bool = null,
};

/// A value that a user gives.
pub const Field = struct {
    name: []const u8,
    type: ?Type = null,
    required: ?bool = null,
    /// As text.
    default: []const u8 = "",
    /// The words that it can be.
    @"enum": []const []const u8 = &.{},
    /// "s", "bytes", "MiB" or "GiB".
    unit: []const u8 = "",
    /// The type of the contract whose id it is.
    ref: []const u8 = "",
    help: []const u8,

    pub const Type = enum { string, int, float, bool, list, dict, any };
};

/// A slot, which the user fills: the host adds it to the requests that name it,
/// and the driver never sees it.
pub const Credential = struct {
    /// Of the slot, as requests say it, and of its configuration value.
    name: []const u8,
    scheme: Scheme,
    /// Scheme header: its name, and what stands before the value.
    header: []const u8 = "",
    prefix: []const u8 = "",
    /// Those of the description's that it may go to.
    hosts: []const []const u8,
    /// Environment variables for its values.
    env: []const []const u8 = &.{},
    help: []const u8 = "",
    /// Scheme sigv4: a word or a "{field}" of the configuration each.
    service: []const u8 = "",
    region: []const u8 = "",
    /// Whether requests without it make sense too.
    optional: ?bool = null,

    pub const Scheme = enum { bearer, basic, header, sigv4 };
};

/// What a family's struct may have beside operations.
const settings = [_][]const u8{ "doc", "missing", "extras", "honours_token" };

/// Makes a driver of a description and of a struct for each family that it has:
///
///     pub const driver = cloudlark.Driver(.{
///         .name = "examplecloud",
///         .version = "1.0.0",
///     }, .{ .compute = Compute });
///
///     comptime {
///         driver.exports();
///     }
///
///     const Compute = struct {
///         pub fn list_nodes(ctx: *cloudlark.Context, args: compute.ListNodes) !cloudlark.Page(compute.Node) { … }
///         pub fn get_node(ctx: *cloudlark.Context, args: compute.GetNode) !compute.Node { … }
///     };
///
/// The public functions of a family's struct are the operations that the driver
/// has. Beside them it may have
///
///     pub const doc = "What to know of this family, in Markdown.";
///     pub const missing = .{ .suspend_node = "Example Cloud cannot suspend a node." };
///     pub const extras = .{ .create_node = [_]cloudlark.Field{.{ .name = "backups", .type = .bool, .help = "Back it up daily." }} };
///     pub const honours_token = [_]compute.Op{.create_node};
///
/// Any other public declaration, and a function that does not take or return
/// what its operation does, is a compile error.
pub fn Driver(comptime description: Description, comptime families: anytype) type {
    const names = comptime std.meta.fieldNames(@TypeOf(families));
    comptime {
        if (names.len == 0) @compileError("a driver has at least one family: .{ .compute = Compute }");
        for (names) |name| check(name, @field(families, name));
    }
    return struct {
        /// Exports the functions of the ABI.
        pub fn exports() void {
            if (!host.inside) return;
            @export(&exported.version, .{ .name = "cloudlark_abi_version" });
            @export(&exported.alloc, .{ .name = "cloudlark_alloc" });
            @export(&exported.describe, .{ .name = "cloudlark_describe" });
            @export(&exported.call, .{ .name = "cloudlark_call" });
        }

        const exported = struct {
            fn version() callconv(.c) i32 {
                return abi_version;
            }

            fn alloc(len: usize) callconv(.c) ?[*]u8 {
                return memory.message(len);
            }

            fn describe() callconv(.c) u64 {
                return memory.answer(description_json(memory.arena()));
            }

            fn call(ptr: [*]const u8, len: usize) callconv(.c) u64 {
                return memory.answer(answer(memory.arena(), ptr[0..len]));
            }
        };

        /// What the driver says of itself.
        pub fn description_json(arena: Allocator) Allocator.Error![]const u8 {
            var out: std.Io.Writer.Allocating = .init(arena);
            var w: std.json.Stringify = .{ .writer = &out.writer };
            writeDescription(&w) catch return error.OutOfMemory;
            return out.written();
        }

        fn writeDescription(w: *std.json.Stringify) std.json.Stringify.Error!void {
            try w.beginObject();
            try w.objectField("abi");
            try w.write(abi_version);
            inline for (comptime std.meta.fieldNames(Description)) |field| {
                const value = @field(description, field);
                if (comptime !json.isEmpty(value)) {
                    try w.objectField(field);
                    try json.write(w, value);
                }
            }
            try w.objectField("families");
            try w.beginObject();
            inline for (names) |family| {
                try w.objectField(family);
                try json.write(w, comptime offer(family, @field(families, family)));
            }
            try w.endObject();
            try w.endObject();
        }

        /// Answers one message of the host.
        pub fn answer(arena: Allocator, message: []const u8) Allocator.Error![]const u8 {
            var ctx: Context = .{ .arena = arena };
            var out: std.Io.Writer.Allocating = .init(arena);
            perform(&ctx, message, &out.writer) catch |err| {
                out.clearRetainingCapacity();
                const failure = why(&ctx, err);
                var w: std.json.Stringify = .{ .writer = &out.writer };
                json.write(&w, .{ .@"error" = failure }) catch return error.OutOfMemory;
            };
            return out.written();
        }

        fn perform(ctx: *Context, message: []const u8, out: *std.Io.Writer) anyerror!void {
            const call = json.parse(Call, ctx.arena, message) catch |err|
                return ctx.fail(.internal, "the call is not what its ABI says: {t}", .{err});
            ctx.family = call.family;
            ctx.op = call.op;
            ctx.connection = call.connection;
            ctx.idempotency_token = call.idempotency_token;
            ctx.cursor = call.cursor;
            ctx.timeout_ms = call.timeout_ms;
            ctx.configuration = call.config.text;
            inline for (names) |family| {
                if (std.mem.eql(u8, family, call.family)) {
                    return dispatch(@field(contracts, family), @field(families, family), ctx, call.args.text, out);
                }
            }
            return ctx.fail(.unsupported, "the driver does not have the family {s}", .{call.family});
        }

        fn dispatch(comptime contract: type, comptime D: type, ctx: *Context, args: []const u8, out: *std.Io.Writer) anyerror!void {
            inline for (contract.operations) |o| {
                if (comptime @hasDecl(D, o.name)) {
                    if (std.mem.eql(u8, o.name, ctx.op)) return invoke(o, @field(D, o.name), ctx, args, out);
                }
            }
            return ctx.fail(.unsupported, "the driver does not have {s}", .{ctx.op});
        }
    };
}

/// A call as it comes.
const Call = struct {
    family: []const u8,
    op: []const u8,
    args: json.Raw = .{ .text = "{}" },
    config: json.Raw = .{ .text = "{}" },
    connection: []const u8 = "",
    idempotency_token: []const u8 = "",
    cursor: []const u8 = "",
    timeout_ms: ?i64 = null,
};

/// Performs one operation and writes its answer.
fn invoke(comptime o: types.Operation, comptime function: anytype, ctx: *Context, args: []const u8, out: *std.Io.Writer) anyerror!void {
    const in = json.parse(o.In, ctx.arena, args) catch |err| switch (err) {
        error.OutOfMemory => return error.OutOfMemory,
        else => return ctx.fail(.internal, "the arguments are not what {s} takes: {t}", .{ o.name, err }),
    };
    const returned = function(ctx, in);
    const value: o.Result() = if (@typeInfo(@TypeOf(returned)) == .error_union) try returned else returned;
    var w: std.json.Stringify = .{ .writer = out };
    try w.beginObject();
    switch (o.shape) {
        .do => {},
        .call, .many => {
            try w.objectField("result");
            try json.write(&w, value);
        },
        .list, .stream => {
            try w.objectField("items");
            try json.write(&w, value.items);
            if (value.next.len > 0) {
                try w.objectField("next");
                try json.write(&w, value.next);
            }
        },
    }
    try w.endObject();
}

/// What the caller is told of an error: what `Context.fail` noted if it is of
/// the same kind, since a driver may have caught that one and failed otherwise.
fn why(ctx: *Context, err: anyerror) errors.Failure {
    const kind = errors.kindOf(err);
    if (ctx.failure) |f| {
        if (f.kind == kind) return f;
    }
    return .{ .kind = kind, .message = switch (err) {
        error.OutOfMemory => "the driver has no more memory",
        else => @errorName(err),
    } };
}

/// What a family's struct offers, as the description says it.
fn offer(comptime family: []const u8, comptime D: type) Offer(D) {
    const contract = @field(contracts, family);
    var operations: []const []const u8 = &.{};
    for (contract.operations) |o| {
        if (@hasDecl(D, o.name)) operations = operations ++ .{o.name};
    }
    var tokens: []const []const u8 = &.{};
    if (@hasDecl(D, "honours_token")) {
        for (D.honours_token) |o| tokens = tokens ++ .{@tagName(@as(contract.Op, o))};
    }
    return .{
        .doc = if (@hasDecl(D, "doc")) D.doc else "",
        .operations = operations,
        .missing = if (@hasDecl(D, "missing")) D.missing else null,
        .extras = if (@hasDecl(D, "extras")) D.extras else null,
        .honours_token = tokens,
    };
}

fn Offer(comptime D: type) type {
    return struct {
        doc: []const u8,
        operations: []const []const u8,
        missing: if (@hasDecl(D, "missing")) @TypeOf(D.missing) else ?u0,
        extras: if (@hasDecl(D, "extras")) @TypeOf(D.extras) else ?u0,
        honours_token: []const []const u8,
    };
}

/// Refuses a family's struct that is not one, where it is compiled.
fn check(comptime family: []const u8, comptime D: type) void {
    @setEvalBranchQuota(100_000);
    if (!@hasDecl(contracts, family)) @compileError("there is no family " ++ family ++ "; there are compute, storage, lb and container");
    const contract = @field(contracts, family);
    var any = false;
    for (@typeInfo(D).@"struct".decl_names) |name| {
        if (std.meta.stringToEnum(contract.Op, name)) |o| {
            checkFunction(family, name, contract.operations[@backingInt(o)], @TypeOf(@field(D, name)));
            any = true;
        } else if (!among(name, &settings)) {
            @compileError(family ++ " has no operation " ++ name ++ didYouMean(name, std.meta.fieldNames(contract.Op)) ++
                ". What is not one of the driver's operations must not be pub");
        }
    }
    if (!any) @compileError("the driver's " ++ family ++ " has no operation: its functions must be pub");
    for ([_][]const u8{ "missing", "extras" }) |setting| {
        if (!@hasDecl(D, setting)) continue;
        for (std.meta.fieldNames(@TypeOf(@field(D, setting)))) |name| {
            if (!@hasField(contract.Op, name)) {
                @compileError(setting ++ ": " ++ family ++ " has no operation " ++ name ++ didYouMean(name, std.meta.fieldNames(contract.Op)));
            }
            if (@hasDecl(D, name) != std.mem.eql(u8, setting, "extras")) {
                @compileError(setting ++ ": the driver " ++ (if (@hasDecl(D, name)) "has " else "does not have ") ++ name);
            }
        }
    }
}

fn checkFunction(comptime family: []const u8, comptime name: []const u8, comptime o: types.Operation, comptime F: type) void {
    const want = "pub fn " ++ name ++ "(ctx: *cloudlark.Context, args: " ++ nameOf(o.In) ++ ") !" ++ switch (o.shape) {
        .call => nameOf(o.Out),
        .many => "[]const " ++ nameOf(o.Out),
        .do => "void",
        .list, .stream => "cloudlark.Page(" ++ nameOf(o.Out) ++ ")",
    };
    const wrong = family ++ ": " ++ name ++ " has to be " ++ want;
    if (@typeInfo(F) != .@"fn") @compileError(wrong);
    const f = @typeInfo(F).@"fn";
    if (f.param_types.len != 2 or f.param_types[0] != *Context or f.param_types[1] != o.In) @compileError(wrong);
    const Returned = f.return_type orelse @compileError(wrong);
    const Value = switch (@typeInfo(Returned)) {
        .error_union => |u| u.payload,
        else => Returned,
    };
    if (Value != o.Result()) @compileError(wrong ++ ", not to return " ++ @typeName(Value));
}

/// "contracts.compute.Node" as its users write it: "compute.Node".
fn nameOf(comptime T: type) []const u8 {
    const full = @typeName(T);
    return if (std.mem.find(u8, full, "contracts.")) |i| full[i + "contracts.".len ..] else full;
}

fn among(name: []const u8, names: []const []const u8) bool {
    for (names) |n| {
        if (std.mem.eql(u8, n, name)) return true;
    }
    return false;
}

/// The name that begins or ends like it the longest, as a question.
fn didYouMean(comptime name: []const u8, comptime names: []const []const u8) []const u8 {
    var best: []const u8 = "";
    var alike: usize = 3;
    for (names) |n| {
        var head: usize = 0;
        while (head < n.len and head < name.len and n[head] == name[head]) head += 1;
        var tail: usize = 0;
        while (tail < n.len - head and tail < name.len - @min(head, name.len) and n[n.len - 1 - tail] == name[name.len - 1 - tail]) tail += 1;
        if (head + tail > alike) {
            alike = head + tail;
            best = n;
        }
    }
    return if (best.len > 0) " (did you mean " ++ best ++ "?)" else "";
}

/// The memory of calls: an arena, which each call has to itself. What the host
/// was answered is valid until the next call begins.
const memory = struct {
    var state: std.heap.ArenaAllocator = .init(std.heap.page_allocator);
    /// Whether a call has been answered since the arena was reset.
    var over: bool = false;

    /// How much of the arena is kept for the next call.
    const kept = 1 << 20;

    fn arena() Allocator {
        if (over) {
            _ = state.reset(.{ .retain_with_limit = kept });
            over = false;
        }
        return state.allocator();
    }

    fn message(len: usize) ?[*]u8 {
        const bytes = arena().alloc(u8, @max(len, 1)) catch return null;
        return bytes.ptr;
    }

    fn answer(result: Allocator.Error![]const u8) u64 {
        over = true;
        const text = result catch
            \\{"error":{"kind":"internal","message":"the driver has no more memory"}}
        ;
        return @as(u64, @intFromPtr(text.ptr)) << 32 | text.len;
    }
};
