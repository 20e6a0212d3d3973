/** What the machine offers to functions, for `virga doctor`: how well they are kept apart and bounded, and which runtimes there are. */
import type { FunctionHost } from "./host.ts";
import type { Machine } from "./machine.ts";
import type { createRuntimes } from "./runtimes/find.ts";

type Report = ReturnType<FunctionHost["report"]>;

/** Runtimes that AWS offers for new functions and Virga can run. */
const RUNTIMES = [
  "nodejs24.x",
  "nodejs22.x",
  "nodejs20.x",
  "python3.14",
  "python3.13",
  "python3.12",
  "python3.11",
  "python3.10",
  "python3.9",
  "ruby3.4",
  "ruby3.3",
  "ruby3.2",
  "java25",
  "java21",
  "java17",
  "java11",
  "dotnet10",
  "dotnet8",
  "provided.al2023",
];

const LEVELS = {
  "own-user": "bubblewrap sandbox, a user id for each worker",
  namespaces: "bubblewrap sandbox with the platform's own user id",
  process: "ordinary processes: functions are not kept apart, from one another or from this machine",
};

export function reportMachine(machine: Machine, runtimes: ReturnType<typeof createRuntimes>): Report {
  const { isolation, cgroups, cgroupsMissing } = machine;
  const filter = isolation.filtersSystemCalls ? ", system calls filtered" : "";
  const lines: Report[number][] = [
    {
      subject: "function isolation",
      status: isolation.level === "own-user" ? "ok" : "degraded",
      detail: [`${LEVELS[isolation.level]}${filter}`, ...isolation.shortcomings.map(({ what }) => what)].join("; "),
      ...(isolation.shortcomings.length > 0 && {
        remedy: isolation.shortcomings.map(({ remedy }) => remedy).join(" "),
      }),
    },
    cgroups
      ? {
          subject: "function limits",
          status: cgroups.canFreeze ? "ok" : "degraded",
          detail: `control groups ${cgroups.kind} at ${cgroups.detail}${cgroups.canFreeze ? ", freezer" : ", frozen by SIGSTOP"}`,
        }
      : {
          subject: "function limits",
          status: "degraded",
          detail: `${process.platform === "linux" ? "memory bounded by RLIMIT_DATA" : "memory not bounded"}, frozen by SIGSTOP: ${cgroupsMissing}`,
          remedy:
            process.platform === "linux"
              ? "Run Virga as root, or in a delegated group: systemd-run --user --scope -p Delegate=yes npx virga start"
              : "Run Virga on Linux for exact limits.",
        },
    machine.sdk === undefined
      ? {
          subject: "AWS SDK for Node functions",
          status: "missing",
          detail: "functions find no @aws-sdk/* but what they bring",
          remedy: "npm run generate",
        }
      : { subject: "AWS SDK for Node functions", status: "ok", detail: machine.sdk },
  ];
  for (const name of RUNTIMES) {
    const runtime = runtimes.find(name);
    if ("remedy" in runtime)
      lines.push({
        subject: `runtime ${name}`,
        status: "missing",
        detail: "not on this machine",
        remedy: runtime.remedy,
      });
    else
      lines.push({
        subject: `runtime ${name}`,
        status: runtime.deviation === undefined ? "ok" : "degraded",
        detail: runtime.deviation ?? runtime.how,
      });
  }
  return lines;
}
