const std = @import("std");
const version = @import("builtin").zig_version;

comptime {
    // The language still changes with every minor version.
    if (version.major != 0 or version.minor != 17) @compileError("this is for Zig 0.17: python3 -m pip install ziglang==0.17.1");
}

/// Builds the driver as a WebAssembly module: zig-out/bin/driver.wasm.
///
///     zig build --release=small
///     zig build test
pub fn build(b: *std.Build) void {
    const optimize = b.standardOptimizeOption(.{});

    const module = b.addExecutable(.{
        .name = "driver",
        .root_module = root(b, b.resolveTargetQuery(.{ .cpu_arch = .wasm32, .os_tag = .freestanding }), optimize),
    });
    module.entry = .disabled; // the host calls what the SDK exports
    module.rdynamic = true;
    module.stack_size = 256 << 10;
    b.installArtifact(module);

    // Tests run here, not in the sandbox.
    const tests = b.addTest(.{ .root_module = root(b, b.graph.host, .debug) });
    b.step("test", "Run the driver's tests").dependOn(&b.addRunArtifact(tests).step);
}

fn root(b: *std.Build, target: std.Build.ResolvedTarget, optimize: std.builtin.OptimizeMode) *std.Build.Module {
    const sdk = b.createModule(.{ .root_source_file = b.path("../sdk/zig/src/root.zig"), .target = target, .optimize = optimize });
    return b.createModule(.{
        .root_source_file = b.path("src/main.zig"),
        .target = target,
        .optimize = optimize,
        .strip = if (optimize == .debug) null else true,
        .imports = &.{.{ .name = "cloudlark", .module = sdk }},
    });
}
