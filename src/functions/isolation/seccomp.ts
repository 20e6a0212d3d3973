/**
 * The system calls that a function may not make, as the program that the kernel runs on each call (classic BPF). What it forbids is what a
 * process needs to reach out of a sandbox or into the kernel: tracing others, mounting, new namespaces, modules, keys, raw io_uring.
 * Forbidden calls fail with EPERM; clone3 with ENOSYS, so that libraries fall back to clone, whose flags can be looked at.
 *
 * @see https://www.kernel.org/doc/html/latest/userspace-api/seccomp_filter.html
 */

type Architecture = "x64" | "arm64";

/** Numbers of the calls per architecture; undefined where the architecture has no such call. */
const FORBIDDEN: readonly (readonly [name: string, x64: number | undefined, arm64: number | undefined])[] = [
  ["ptrace", 101, 117],
  ["syslog", 103, 116],
  ["pivot_root", 155, 41],
  ["chroot", 161, 51],
  ["acct", 163, 89],
  ["settimeofday", 164, 170],
  ["mount", 165, 40],
  ["umount2", 166, 39],
  ["swapon", 167, 224],
  ["swapoff", 168, 225],
  ["reboot", 169, 142],
  ["iopl", 172, undefined],
  ["ioperm", 173, undefined],
  ["init_module", 175, 105],
  ["delete_module", 176, 106],
  ["quotactl", 179, 60],
  ["clock_settime", 227, 112],
  ["kexec_load", 246, 104],
  ["add_key", 248, 217],
  ["request_key", 249, 218],
  ["keyctl", 250, 219],
  ["unshare", 272, 97],
  ["perf_event_open", 298, 241],
  ["open_by_handle_at", 304, 265],
  ["setns", 308, 268],
  ["process_vm_readv", 310, 270],
  ["process_vm_writev", 311, 271],
  ["kcmp", 312, 272],
  ["finit_module", 313, 273],
  ["kexec_file_load", 320, 294],
  ["bpf", 321, 280],
  ["userfaultfd", 323, 282],
  ["io_uring_setup", 425, 425],
  ["io_uring_enter", 426, 426],
  ["io_uring_register", 427, 427],
  ["open_tree", 428, 428],
  ["move_mount", 429, 429],
  ["fsopen", 430, 430],
  ["fsconfig", 431, 431],
  ["fsmount", 432, 432],
  ["fspick", 433, 433],
  ["pidfd_getfd", 438, 438],
  ["process_madvise", 440, 440],
  ["mount_setattr", 442, 442],
  ["quotactl_fd", 443, 443],
];

const AUDIT_ARCH = { x64: 0xc000003e, arm64: 0xc00000b7 };
const CLONE = { x64: 56, arm64: 220 };
const CLONE3 = 435;
const X32_BIT = 0x40000000;
/** CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const CLONE_NAMESPACES = 0x00020000 | 0x02000000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000;

const LOAD = 0x20;
const JUMP_EQUAL = 0x15;
const JUMP_AT_LEAST = 0x35;
const JUMP_ANY_BIT = 0x45;
const RETURN = 0x06;
const ALLOW = 0x7fff0000;
const KILL_PROCESS = 0x80000000;
const errno = (number: number): number => 0x00050000 | number;
const EPERM = errno(1);
const ENOSYS = errno(38);
/** Where `struct seccomp_data` holds the call's number, its architecture and the low half of its first argument. */
const NUMBER = 0;
const ARCHITECTURE = 4;
const FIRST_ARGUMENT = 16;

/** @returns the filter for `bwrap --seccomp`, or undefined where the calls of the architecture are not known */
export function seccompFilter(architecture: string): Buffer | undefined {
  if (architecture !== "x64" && architecture !== "arm64") return undefined;
  const known: Architecture = architecture;
  const program: [code: number, whenTrue: number, whenFalse: number, value: number][] = [];
  const add = (code: number, value: number, whenTrue = 0, whenFalse = 0) =>
    program.push([code, whenTrue, whenFalse, value]);
  const refuse = (number: number, answer: number) => {
    add(JUMP_EQUAL, number, 0, 1);
    add(RETURN, answer);
  };
  add(LOAD, ARCHITECTURE);
  add(JUMP_EQUAL, AUDIT_ARCH[known], 1, 0);
  add(RETURN, KILL_PROCESS);
  add(LOAD, NUMBER);
  if (known === "x64") {
    add(JUMP_AT_LEAST, X32_BIT, 0, 1);
    add(RETURN, EPERM);
  }
  for (const [, x64, arm64] of FORBIDDEN) {
    const number = known === "x64" ? x64 : arm64;
    if (number !== undefined) refuse(number, EPERM);
  }
  refuse(CLONE3, ENOSYS);
  add(JUMP_EQUAL, CLONE[known], 0, 3);
  add(LOAD, FIRST_ARGUMENT);
  add(JUMP_ANY_BIT, CLONE_NAMESPACES, 0, 1);
  add(RETURN, EPERM);
  add(RETURN, ALLOW);

  const bytes = Buffer.alloc(program.length * 8);
  program.forEach(([code, whenTrue, whenFalse, value], index) => {
    bytes.writeUInt16LE(code, index * 8);
    bytes[index * 8 + 2] = whenTrue;
    bytes[index * 8 + 3] = whenFalse;
    bytes.writeUInt32LE(value, index * 8 + 4);
  });
  return bytes;
}
