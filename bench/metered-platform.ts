/**
 * A platform with metering or without it, for the bench that sets the two side by side.
 *
 *     node metered-platform.ts on|off DATA    prints its port; says how much CPU time it has used to whoever sends it a message
 */
import { join } from "node:path";
import { silentLog } from "../src/kernel/log.ts";
import { openPlatform } from "../src/platform/open.ts";

const [metering, data] = process.argv.slice(2);
const root = join(import.meta.dirname, "..");
const platform = await openPlatform({
  port: 0,
  host: "127.0.0.1",
  dataDirectory: data ?? "",
  ephemeral: data === undefined,
  durability: "strict",
  authRequired: false,
  region: "us-east-1" as never,
  accountId: "000000000000" as never,
  log: silentLog,
  metered: metering === "on",
  shapesDirectory: join(root, "generated/shapes"),
  consoleDirectory: join(root, "dist/console"),
  version: "0.0.0",
});
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send!(user + system);
});
process.on("SIGTERM", async () => {
  await platform.close();
  process.exit(0);
});
console.log(`port ${platform.port}`);
