/** Looking for programs on this machine. */
import { spawnSync } from "node:child_process";
import { existsSync, globSync, realpathSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** What a worker of a runtime needs. */
export interface Runtime {
  /** As Lambda names it: `nodejs22.x`. */
  readonly name: string;
  readonly family: "nodejs" | "python" | "ruby" | "java" | "dotnet" | "provided";
  /** The interpreter on this machine; empty for `provided.*`, whose packages bring their own. */
  readonly program: string;
  /** Folders that the interpreter needs beside /usr, mounted where they are. */
  readonly folders: readonly string[];
  /** For people: `Python 3.12.1 (/usr/bin/python3.12)`. */
  readonly how: string;
  /** The program's own version, where its workers are started differently by it: `17`, `3.3.0`. */
  readonly version?: string;
  /** Set when it is not exactly what was asked for. */
  readonly deviation?: string;
}

export interface Unavailable {
  readonly remedy: string;
}

export function versionOf(program: string, args: readonly string[]): string {
  return (spawnSync(program, args, { encoding: "utf8", timeout: 10_000 }).stdout ?? "").trim();
}

export function onPath(path: string, program: string): string[] {
  return path
    .split(":")
    .filter((folder) => folder.startsWith("/"))
    .map((folder) => join(folder, program))
    .filter(existsSync);
}

export function expand(patterns: readonly string[]): string[] {
  return patterns.flatMap((pattern) => globSync(pattern.replace(/^~/, homedir())));
}

export function real(file: string): string | undefined {
  try {
    return realpathSync(file);
  } catch {
    return undefined;
  }
}

/** Folders to mount: those that are not below /usr or below another of them. */
export function outsideUsr(folders: readonly string[]): string[] {
  const distinct = [...new Set(folders)].filter((folder) => folder !== "/usr" && !folder.startsWith("/usr/"));
  return distinct.filter((folder) => !distinct.some((other) => other !== folder && folder.startsWith(`${other}/`)));
}
