/** `virga start`: the platform alone, until it is interrupted. */
import { credentialsHint, type ServeOptions, serve, untilInterrupted } from "./serve.ts";
import { bold, cyan, dim, printJson, say, table } from "./terminal.ts";

export async function start(options: ServeOptions): Promise<void> {
  const interrupted = untilInterrupted();
  const platform = await serve(options);
  if (options.json)
    printJson({
      endpoint: platform.endpoint,
      dataDirectory: platform.dataDirectory ?? null,
      pid: process.pid,
      ...(platform.rootKey ? { rootKey: platform.rootKey } : {}),
    });
  else {
    const credentials = credentialsHint(platform);
    say(`${bold("Virga")} answers at ${cyan(platform.endpoint)}`);
    say();
    say(
      table([
        [dim("SDKs, CLI"), `export AWS_ENDPOINT_URL=${platform.endpoint}`],
        ...(credentials ? [[dim("root's key"), credentials]] : []),
        [dim("data"), platform.dataDirectory ?? "in memory, gone when it stops"],
        [dim("stop"), "Ctrl-C"],
      ]),
    );
  }
  await interrupted;
  await platform.close();
}
