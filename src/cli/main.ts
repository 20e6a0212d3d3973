#!/usr/bin/env node
/** The `virga` command: what it understands. Each command lives in a file of its own, loaded when it is used. */
import { isAbsolute } from "node:path";
import { Command, InvalidArgumentError, Option } from "commander";
import { KEEP_ALIVES } from "../functions/scheduler/policy.ts";
import { EXIT_FAILED, EXIT_USAGE, Failure } from "./failure.ts";
import { NODE_MINIMUM, runsOn, version } from "./package.ts";
import { red, say } from "./terminal.ts";

if (!runsOn(process.versions.node)) {
  say(`${red("✖")} Virga needs Node.js ${NODE_MINIMUM.join(".")} or newer; this is ${process.versions.node}.`);
  say("  Install Node.js 24 (https://nodejs.org), or run it once with: npx --package node@24 --package virga virga");
  process.exit(EXIT_FAILED);
}

/** A refusal that commander shows with its usage. */
const decimal = (minimum: number, maximum: number) => (text: string) => {
  const value = Number(text);
  if (!(value >= minimum && value <= maximum)) {
    throw new InvalidArgumentError(`It is a number from ${minimum} to ${maximum}.`);
  }
  return value;
};

const integer = (minimum: number, maximum: number) => (text: string) => {
  const value = decimal(minimum, maximum)(text);
  if (!Number.isInteger(value)) throw new InvalidArgumentError(`It is a whole number from ${minimum} to ${maximum}.`);
  return value;
};

const accountId = (text: string) => {
  if (!/^\d{12}$/.test(text)) throw new InvalidArgumentError("It has twelve digits.");
  return text;
};

const url = (text: string) => {
  if (!URL.canParse(text)) throw new InvalidArgumentError("It is a URL, such as http://localhost:4566.");
  return text;
};

const pair = (text: string, known: Readonly<Record<string, string>> = {}) => {
  const at = text.indexOf("=");
  if (at <= 0) throw new InvalidArgumentError("It is NAME=VALUE.");
  return { ...known, [text.slice(0, at)]: text.slice(at + 1) };
};

const runtimeProgram = (text: string, known: Readonly<Record<string, string>> = {}) => {
  if (!isAbsolute(text.slice(text.indexOf("=") + 1)))
    throw new InvalidArgumentError("It is NAME=PROGRAM, with the program's whole path.");
  return pair(text, known);
};

const portOption = () => new Option("-p, --port <number>", "port to listen on").argParser(integer(0, 65_535));
const json = () => new Option("--json", "write the result as JSON");

/** Where and how a platform runs. */
function withServeOptions(command: Command): Command {
  return command
    .addOption(portOption())
    .option("--host <address>", "address to listen on; any other than loopback demands signed requests", "127.0.0.1")
    .option("--data <dir>", "folder that keeps the data (default: .virga)")
    .option("--ephemeral", "keep everything in memory, and nothing afterwards")
    .addOption(
      new Option(
        "--durability <mode>",
        "strict: a reply means it is on disk; relaxed: the last 100 ms may be lost",
      ).choices(["strict", "relaxed"]),
    )
    .addOption(
      new Option("--auth <mode>", "verify signatures and enforce policies on loopback too").choices(["required"]),
    )
    .option("--region <name>", "region of requests that name none (default: us-east-1)")
    .addOption(
      new Option("--account <id>", "account of requests whose key names none (default: 000000000000)").argParser(
        accountId,
      ),
    )
    .option("--container-socket <address>", "container engine for tasks (default: $DOCKER_HOST, else the usual places)")
    .addOption(new Option("--smtp <url>", "relay mail through this server, such as smtp://localhost:25").argParser(url))
    .addOption(
      new Option(
        "--otlp <url>",
        "send traces to this OpenTelemetry collector, such as http://localhost:4318 (default: $OTEL_EXPORTER_OTLP_ENDPOINT)",
      ).argParser(url),
    )
    .addOption(
      new Option(
        "--keep-alive <policy>",
        "how long idle functions keep their workers. fixed: some minutes after the last call; histogram: as each function's own pauses tell, made ready before the next call; greedy-dual: until memory is short, then the least worth its room goes",
      )
        .choices(KEEP_ALIVES)
        .default("fixed"),
    )
    .addOption(
      new Option(
        "--keep-alive-minutes <number>",
        "minutes of the fixed policy, 0.1 for six seconds (default: 5)",
      ).argParser(decimal(0.1, 1440)),
    )
    .addOption(
      new Option(
        "--idle-memory <MB>",
        "memory that idle workers may hold in all (default: a quarter of the machine's)",
      ).argParser(integer(0, 10_000_000)),
    )
    .addOption(
      new Option(
        "--function-memory <MB>",
        "memory that all workers may hold; beyond it calls wait (default: three quarters of the machine's)",
      ).argParser(integer(1, 10_000_000)),
    )
    .addOption(
      new Option(
        "--runtime <name=program>",
        "runs functions of this runtime, before what is found on the machine: python3.12=/opt/python/bin/python3. May be given again",
      ).argParser(runtimeProgram),
    )
    .addOption(
      new Option("--log-level <level>", "what is logged to stderr")
        .choices(["debug", "info", "warn", "error"])
        .default("warn"),
    );
}

/** Which platform is spoken to. */
function withClientOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        "--endpoint <url>",
        "the platform's address (default: $AWS_ENDPOINT_URL, else port 4566 here)",
      ).argParser(url),
    )
    .addOption(new Option("-p, --port <number>", "the platform's port on this machine").argParser(integer(1, 65_535)))
    .option("--region <name>", "region (default: $AWS_REGION, else us-east-1)")
    .addOption(new Option("--account <id>", "account, twelve digits").argParser(accountId));
}

const examples = (...lines: readonly (readonly [string, string])[]) => {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}`).join("\n")}\n`;
};

const program = new Command("virga")
  .description(
    "A serverless cloud in one package: AWS's own APIs on this machine, without an account and without Docker.",
  )
  .version(version(), "-V, --version", "the version")
  .helpOption("-h, --help", "what a command does, and its options")
  .helpCommand("help [command]", "the same")
  .showHelpAfterError("(--help shows what there is)")
  .showSuggestionAfterError()
  .configureHelp({ sortSubcommands: false })
  .addHelpText(
    "after",
    examples(
      ["virga up", "deploy the template in this folder, serve it, reload what changes"],
      ["virga start", "the platform alone, on http://localhost:4566"],
      ["virga invoke Receiver -e event.json", "run a function"],
    ),
  )
  .exitOverride((error) => {
    process.exit(error.exitCode === 0 ? 0 : EXIT_USAGE);
  });

withServeOptions(program.command("up"))
  .description(
    "Deploy applications, serve them and reload what changes. Uses the Virga that runs at the port, else starts one.",
  )
  .argument(
    "[dir...]",
    "folders with a template.yaml, .yml or .json (SAM or CloudFormation), or templates (default: this folder)",
  )
  .addOption(
    new Option("--endpoint <url>", "deploy to the Virga there; never start one").argParser(url).conflicts("port"),
  )
  .option("--stack <name>", "name of the stack (default: the folder's name)")
  .option(
    "--parameter <name=value>",
    "a template parameter, kept until it is given again; may be given several times",
    pair,
  )
  .option("--no-watch", "deploy once, without watching the sources")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga up", "this folder"],
      ["virga up shop mail", "two applications, side by side"],
      ["virga up --parameter Stage=dev --stack shop-dev", "with a parameter, as another stack"],
      ["virga up --no-watch --json", "for scripts: outputs and addresses as JSON"],
    ),
  )
  .action(async (folders, options) => {
    const { up } = await import("./up/up.ts");
    await up(folders, options);
    // A deployment that was interrupted may still be asking the platform that is gone.
    if (process.exitCode !== undefined) process.exit();
  });

withClientOptions(program.command("down"))
  .description("Delete an application's stack and everything in it.")
  .argument("[dir]", "the application's folder", ".")
  .option("--stack <name>", "name of the stack (default: the folder's name)")
  .addOption(json())
  .addHelpText("after", examples(["virga down", "this folder's stack"], ["virga down --stack shop-dev", "that stack"]))
  .action(async (folder, options) => {
    const { down } = await import("./down.ts");
    await down(folder, options);
  });

program
  .command("build")
  .description("Build an application's functions, and write a template that AWS's own tools deploy.")
  .argument("[dir]", "the application's folder", ".")
  .option("-o, --out <dir>", "folder to write to, emptied first (default: .virga/build in the application's folder)")
  .addOption(json())
  .addHelpText("after", examples(["virga build", "then aws cloudformation package and deploy, to AWS or to Virga"]))
  .action(async (folder, options) => {
    const { build } = await import("./build.ts");
    await build(folder, options);
  });

withServeOptions(program.command("start"))
  .description("Start the platform alone.")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga start", "on http://localhost:4566, data in ./.virga"],
      ["virga start --ephemeral --port 0 --json", "for tests: any free port, told as JSON, nothing kept"],
      ["virga start --host 0.0.0.0", "for the network: only signed requests of known keys"],
    ),
  )
  .action(async (options) => {
    const { start } = await import("./start.ts");
    await start(options);
  });

withClientOptions(program.command("invoke"))
  .description("Run a function. Its result goes to stdout, its log to stderr; the exit code is 1 when it failed.")
  .argument("<name>", "name, ARN, or logical id in a stack")
  .option("-e, --event <file>", "JSON file, - for standard input, or the JSON itself (default: {})")
  .option("--qualifier <version>", "version or alias")
  .option("--async", "hand the event over and do not wait")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga invoke Receiver -e event.json", "with the event in a file"],
      ["virga invoke Receiver -e '{\"Records\":[]}' | jq .", "with the event itself"],
      ["cat event.json | virga invoke Receiver -e -", "with the event from a pipe"],
    ),
  )
  .action(async (name, options) => {
    const { invoke } = await import("./invoke.ts");
    process.exitCode = await invoke(name, options);
  });

withClientOptions(program.command("logs"))
  .description("Show what a function, or anything else, has logged.")
  .argument("<name>", "a function's name or logical id, or a log group such as /aws/lambda/NAME")
  .option("-f, --follow", "go on showing what is added")
  .option("--since <time>", "30s, 5m, 2h, 1d, or a time (default: 1h; with --follow 1m)")
  .option("--filter <pattern>", "only events that match this CloudWatch Logs pattern")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga logs Receiver --follow", "live"],
      ['virga logs Receiver --since 1d --filter "ERROR"', "what went wrong since yesterday"],
    ),
  )
  .action(async (name, options) => {
    const { logs } = await import("./logs.ts");
    await logs(name, options);
  });

withClientOptions(program.command("bill"))
  .description("Show what was used, what that costs on AWS, and what a server that never sleeps would have cost.")
  .option("--since <time>", "5h, 2d, or a time (default: 24h)")
  .option("--by <what>", "resource, or tag:NAME (default: resource)")
  .option("--project <span>", "month: what a month at this pace would cost")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga bill", "the last day, by service and resource"],
      ["virga bill --since 7d --by tag:team --project month", "by who pays, and what a month will cost"],
    ),
  )
  .action(async (options) => {
    const { bill } = await import("./bill.ts");
    await bill(options);
  });

program
  .command("simulate")
  .description(
    "Replay a recorded workload through the scheduler of functions, in played time: what each keep-alive policy would have cost.",
  )
  .argument(
    "<trace>",
    "a CSV file or a folder of them: Azure Functions traces, or calls of your own (virga simulate . says which)",
  )
  .addOption(new Option("--keep-alive <policy...>", "policies to compare (default: all)").choices(KEEP_ALIVES))
  .addOption(
    new Option("--keep-alive-minutes <number>", "minutes of the fixed policy (default: 5)").argParser(integer(1, 1440)),
  )
  .addOption(
    new Option(
      "--idle-memory <MB>",
      "memory that idle workers may hold in all (default: 4096 for greedy-dual, no limit for the others)",
    ).argParser(integer(0, 10_000_000)),
  )
  .addOption(
    new Option("--seed <number>", "for what the trace leaves to chance; the same seed gives the same result")
      .argParser(integer(0, 2 ** 31 - 1))
      .default(1),
  )
  .option("--svg <file>", "draw the comparison into this file")
  .addOption(json())
  .addHelpText(
    "after",
    examples(
      ["virga simulate trace/", "a folder with functions.csv and invocations.csv"],
      ["virga simulate d01.csv --keep-alive fixed --keep-alive-minutes 20", "one policy"],
      ["virga simulate trace/ --idle-memory 2048 --svg outcome.svg", "all of them with as much memory, and a picture"],
    ),
  )
  .action(async (trace, options) => {
    const { simulate } = await import("./simulate.ts");
    simulate(trace, options);
  });

withClientOptions(program.command("top"))
  .description("Watch functions, queues, services, rates, errors and cost. Without a terminal: one look, printed.")
  .option("--once", "one look, printed")
  .addOption(new Option("--interval <seconds>", "time between two looks").argParser(integer(1, 3600)).default(2))
  .addOption(
    new Option("--window <minutes>", "how far back rates and errors go").argParser(integer(1, 1440)).default(5),
  )
  .addOption(json())
  .addHelpText(
    "after",
    examples(["virga top", "q ends it, space looks at once"], ["virga top --json | jq .queues", "for scripts"]),
  )
  .action(async (options) => {
    const { top } = await import("./top/top.ts");
    await top(options);
  });

program
  .command("doctor")
  .description("Tell what this machine can do: isolation, runtimes, port, data; and how to get what is missing.")
  .addOption(portOption())
  .option("--data <dir>", "folder that keeps the data (default: .virga)")
  .option("--container-socket <address>", "container engine for tasks (default: $DOCKER_HOST, else the usual places)")
  .addOption(json())
  .addHelpText(
    "after",
    examples(["virga doctor", "exit code 1 when something is missing that Virga cannot do without"]),
  )
  .action(async (options) => {
    const { doctor } = await import("./doctor.ts");
    process.exitCode = await doctor(options);
  });

try {
  await program.parseAsync();
} catch (error) {
  if (error instanceof Failure) {
    say(`${red("✖")} ${error.message}`);
    if (error.remedy) say(`  ${error.remedy}`);
    process.exitCode = error.exitCode;
  } else if (error instanceof Error && "$metadata" in error) {
    // AWS's own words, as the SDK hands them on.
    say(`${red("✖")} ${error.name}: ${error.message}`);
    process.exitCode = EXIT_FAILED;
  } else {
    say(`${red("✖")} ${(error as Error).stack ?? String(error)}`);
    say("  This is a fault of Virga's own. Please report it with the lines above.");
    process.exitCode = EXIT_FAILED;
  }
}
