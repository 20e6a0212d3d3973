/** Hands mail on to an SMTP server. */
import { createTransport } from "nodemailer";
import type { Relay } from "../services/ses/service.ts";

/** Waiting for a server that says nothing, in milliseconds. */
const PATIENCE_MS = 30_000;

/** @param url `smtp://user:password@host:587`, `smtps://…`; nodemailer's connection URL */
export function createRelay(url: string): Relay {
  const server = new URL(url);
  for (const timeout of ["connectionTimeout", "greetingTimeout", "socketTimeout"]) {
    if (!server.searchParams.has(timeout)) server.searchParams.set(timeout, String(PATIENCE_MS));
  }
  const transport = createTransport(server.href);
  return async ({ from, to, mime }) => {
    await transport.sendMail({ envelope: { from, to: [...to] }, raw: mime });
  };
}
