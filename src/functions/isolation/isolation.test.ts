import assert from "node:assert/strict";
import { test } from "node:test";
import { ownGroups } from "./cgroups.ts";
import { environmentScript } from "./sandbox.ts";
import { seccompFilter } from "./seccomp.ts";

/** Runs the filter as the kernel does. */
function decide(filter: Buffer, number: number, architecture: number, firstArgument = 0): number {
  const data = Buffer.alloc(64);
  data.writeUInt32LE(number >>> 0, 0);
  data.writeUInt32LE(architecture, 4);
  data.writeUInt32LE(firstArgument >>> 0, 16);
  let accumulator = 0;
  for (let at = 0; at * 8 < filter.length; at++) {
    const code = filter.readUInt16LE(at * 8);
    const whenTrue = filter[at * 8 + 2]!;
    const whenFalse = filter[at * 8 + 3]!;
    const value = filter.readUInt32LE(at * 8 + 4);
    if (code === 0x20) accumulator = data.readUInt32LE(value);
    else if (code === 0x06) return value;
    else {
      const holds =
        code === 0x15 ? accumulator === value : code === 0x35 ? accumulator >= value : (accumulator & value) !== 0;
      at += holds ? whenTrue : whenFalse;
    }
  }
  throw new Error("the program ran past its end");
}

const ALLOWED = 0x7fff0000;
const EPERM = 0x00050001;
const ENOSYS = 0x00050026;
const KILLED = 0x80000000;

test("the system call filter forbids what leads out of a sandbox and nothing that programs need", () => {
  const x64 = seccompFilter("x64")!;
  const arm64 = seccompFilter("arm64")!;
  const X64 = 0xc000003e;
  const ARM64 = 0xc00000b7;
  const cases: [string, Buffer, number, number, number, number][] = [
    ["read", x64, 0, X64, 0, ALLOWED],
    ["execve", x64, 59, X64, 0, ALLOWED],
    ["mount", x64, 165, X64, 0, EPERM],
    ["ptrace", x64, 101, X64, 0, EPERM],
    ["bpf", x64, 321, X64, 0, EPERM],
    ["io_uring_setup", x64, 425, X64, 0, EPERM],
    ["clone of a thread", x64, 56, X64, 0x003d0f00, ALLOWED],
    ["clone with a user namespace", x64, 56, X64, 0x10000000, EPERM],
    ["clone3", x64, 435, X64, 0, ENOSYS],
    ["a call of the x32 table", x64, 0x40000000, X64, 0, EPERM],
    ["a call of another architecture", x64, 0, 0x40000003, 0, KILLED],
    ["read (arm64)", arm64, 63, ARM64, 0, ALLOWED],
    ["mount (arm64)", arm64, 40, ARM64, 0, EPERM],
    ["clone with a network namespace (arm64)", arm64, 220, ARM64, 0x40000000, EPERM],
  ];
  for (const [name, filter, number, architecture, argument, expected] of cases)
    assert.equal(decide(filter, number, architecture, argument), expected, name);
  assert.equal(seccompFilter("riscv64"), undefined);
});

test("/proc/self/cgroup on v2, v1 and hybrid machines", () => {
  assert.equal(ownGroups("0::/user.slice/a.scope\n").get(""), "/user.slice/a.scope");
  const hybrid = ownGroups("9:name=systemd:/\n4:memory:/process_api/x\n2:cpu,cpuacct:/c\n0::/\n");
  assert.equal(hybrid.get("memory"), "/process_api/x");
  assert.equal(hybrid.get("cpuacct"), "/c");
  assert.equal(hybrid.get(""), "/");
});

test("variables keep every character on their way through the shell", () => {
  assert.equal(
    environmentScript({ A: "it's\n$(touch /x) `id` \\ \"" }),
    "unset PWD OLDPWD SHLVL\nexport A='it'\\''s\n$(touch /x) `id` \\ \"'\n",
  );
});
