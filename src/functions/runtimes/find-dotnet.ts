/**
 * Finds the `dotnet` of a `dotnet*` runtime. It runs executable assemblies, which bring their own Runtime API client (Amazon.Lambda.RuntimeSupport,
 * or any other): the handler is the assembly's name.
 *
 * @see https://docs.aws.amazon.com/lambda/latest/dg/csharp-handler.html
 */
import { existsSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { expand, onPath, outsideUsr, type Runtime, real, type Unavailable } from "./search.ts";

const DOTNET_PLACES = [
  "/usr/share/dotnet/dotnet",
  "/usr/lib/dotnet/dotnet",
  "/usr/lib64/dotnet/dotnet",
  "/usr/local/share/dotnet/dotnet",
  "/opt/homebrew/opt/dotnet*/libexec/dotnet",
  "/opt/dotnet/dotnet",
  "~/.dotnet/dotnet",
];

export function findDotnet(
  name: string,
  wanted: number,
  configured: string | undefined,
  path: string,
): Runtime | Unavailable {
  const places = configured === undefined ? [...onPath(path, "dotnet"), ...expand(DOTNET_PLACES)] : [configured];
  for (const place of places) {
    const program = real(place);
    if (program === undefined) continue;
    const root = dirname(program);
    const versions = runtimesBelow(root);
    const version = versions.find((candidate) => candidate.startsWith(`${wanted}.`)) ?? (configured && versions[0]);
    if (version === undefined) continue;
    return {
      name,
      family: "dotnet",
      program,
      folders: outsideUsr([root]),
      version,
      how: `.NET ${version} (${program})`,
      ...(!version.startsWith(`${wanted}.`) && { deviation: `${name} runs on .NET ${version}, as configured` }),
    };
  }
  if (configured !== undefined)
    return { remedy: `${configured}, configured for ${name}, is no dotnet program with a runtime beside it.` };
  return {
    remedy: `Install the .NET ${wanted} runtime: your distribution's dotnet-runtime-${wanted}.0, or dotnet-install.sh --runtime dotnet --channel ${wanted}.0.`,
  };
}

/** Newest first. */
function runtimesBelow(root: string): string[] {
  const folder = join(root, "shared", "Microsoft.NETCore.App");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => /^\d+\./.test(name))
    .sort((a, b) => b.localeCompare(a, "en", { numeric: true }));
}
