/** Finds the Ruby of a `ruby*` runtime. */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { expand, onPath, outsideUsr, type Runtime, type Unavailable } from "./search.ts";

const RUBY_PLACES = [
  "/usr/local/bin/ruby",
  "/usr/bin/ruby",
  "/usr/bin/ruby$",
  "/opt/homebrew/opt/ruby@$/bin/ruby",
  "/opt/homebrew/opt/ruby/bin/ruby",
  "/opt/rubies/ruby-$*/bin/ruby",
  "~/.rbenv/versions/$*/bin/ruby",
  "~/.rubies/ruby-$*/bin/ruby",
  "~/.rvm/rubies/ruby-$*/bin/ruby",
  "~/.asdf/installs/ruby/$*/bin/ruby",
  "~/.local/share/mise/installs/ruby/$*/bin/ruby",
];

interface RubyFacts {
  /** `3.3.5` */
  readonly version: string;
  /** `3.3.0`: names the folders of gems. */
  readonly abi: string;
  readonly executable: string;
  readonly prefix: string;
}

/** Exactly the version asked for: programs and native gems depend on it. */
export function findRuby(
  name: string,
  wanted: string,
  configured: string | undefined,
  path: string,
): Runtime | Unavailable {
  const places =
    configured === undefined
      ? [...onPath(path, "ruby"), ...expand(RUBY_PLACES.map((place) => place.replaceAll("$", wanted)))]
      : [configured];
  for (const place of new Set(places)) {
    // A shim chooses its version by the folder it is called in.
    if (place.includes("/shims/") || !existsSync(place)) continue;
    const facts = describeRuby(place);
    if (facts === undefined) continue;
    const exact = facts.version.startsWith(`${wanted}.`);
    if (!exact && configured === undefined) continue;
    return {
      name,
      family: "ruby",
      program: facts.executable,
      folders: outsideUsr([facts.prefix, dirname(dirname(facts.executable))]),
      version: facts.abi,
      how: `Ruby ${facts.version} (${facts.executable})`,
      ...(!exact && { deviation: `${name} runs on Ruby ${facts.version}, as configured` }),
    };
  }
  if (configured !== undefined) return { remedy: `${configured}, configured for ${name}, is no Ruby program.` };
  return {
    remedy: `Install Ruby ${wanted}: rbenv install ${wanted}, mise use -g ruby@${wanted}, or your distribution's package.`,
  };
}

function describeRuby(program: string): RubyFacts | undefined {
  const script =
    "require 'rbconfig'; require 'json'; puts({ version: RUBY_VERSION, abi: RbConfig::CONFIG['ruby_version'], executable: File.realpath(RbConfig.ruby), prefix: RbConfig::CONFIG['prefix'] }.to_json)";
  const result = spawnSync(program, ["-e", script], { encoding: "utf8", timeout: 10_000 });
  if (result.status !== 0) return undefined;
  return JSON.parse(result.stdout) as RubyFacts;
}
