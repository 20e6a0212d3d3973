/**
 * Stores a submission once and mails it once, although a queue delivers at least once and two visitors' clicks may arrive at the same time.
 *
 * The row is the memory of what was done:
 *
 *     (none) ──claim──▶ pending ──mail, mark──▶ mailed
 *                       ▲     │
 *                       └─────┘ claim again, once the lease of whoever claimed it has run out
 *
 * Whoever writes the row, or takes over an expired lease, mails; everybody else finds `mailed` and is done, or finds somebody at work and
 * asks for another delivery later. A crash between row and mail leaves `pending`, so the next delivery mails. Only a crash between
 * the mail's acceptance and the mark can mail twice: a mail service has no conditional send, and to lose a message would be worse.
 */
import { composeMail, type Mail, type Submission, submissionId } from "./submission.ts";

/** What {@link process} needs of the outside. */
export interface Ports {
  nowMs(): number;
  /** Writes the row as pending with a lease until `leaseUntilMs`, if there is none yet or if its lease has run out at `nowMs`. */
  claim(id: string, submission: Submission, nowMs: number, leaseUntilMs: number): Promise<Claim>;
  mail(mail: Mail): Promise<string>;
  /** Turns the row to mailed and notes the mail's id. */
  mark(id: string, mailId: string, nowMs: number): Promise<void>;
}

/** Claimed, or what was found instead. */
export type Claim =
  | { readonly state: "claimed" }
  | { readonly state: "mailed" }
  | { readonly state: "pending"; readonly leaseUntilMs: number };

export type Outcome = "mailed" | "duplicate";

/** Somebody else is mailing this submission right now; deliver it again later. */
export class InProgress extends Error {
  override readonly name = "InProgress";
  readonly retryAfterMs: number;

  constructor(id: string, retryAfterMs: number) {
    super(`Submission ${id} is being mailed`);
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * @param leaseMs how long this delivery may take; no longer than the function may run
 * @throws InProgress
 */
export async function process(submission: Submission, ports: Ports, leaseMs: number): Promise<Outcome> {
  const id = submissionId(submission);
  const nowMs = ports.nowMs();
  const claim = await ports.claim(id, submission, nowMs, nowMs + leaseMs);
  if (claim.state === "mailed") return "duplicate";
  if (claim.state === "pending") throw new InProgress(id, Math.max(0, claim.leaseUntilMs - nowMs));
  const mailId = await ports.mail(composeMail(submission));
  await ports.mark(id, mailId, ports.nowMs());
  return "mailed";
}
