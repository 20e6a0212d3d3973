/** What the console does, as a person would type it. */
import { SERVICES, type ServiceFacts, type ServiceName } from "./services.ts";
import { session } from "./session.ts";

/** `ListObjectsV2` → `list-objects-v2`, as the AWS CLI spells it */
export const kebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replace(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase();

/** For a POSIX shell. */
export const quoted = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;

const argument = (value: unknown): string =>
  typeof value === "object" ? quoted(JSON.stringify(value)) : quoted(String(value));

/** `aws --endpoint-url … sqs send-message --queue-url …` */
export function command(
  service: ServiceName,
  operation: string,
  input: Readonly<Record<string, unknown>> = {},
): string {
  const facts: ServiceFacts = SERVICES[service];
  const parts = Object.entries(input)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => {
      const option = `--${kebab(name)}`;
      if (typeof value === "boolean") return value ? option : `--no-${kebab(name)}`;
      return `${option} ${argument(value)}`;
    });
  return aws(facts.command ?? service, kebab(operation), ...parts);
}

/** An `aws` command of one's own, with the address and region of this console. */
export function aws(...parts: readonly string[]): string {
  return ["aws --endpoint-url", quoted(location.origin), "--region", session().region, ...parts].join(" ");
}
