/** When a target is looked at: an event of its own, of which only the last one asked for counts. */
import type { Transaction } from "../../storage/transaction.ts";
import { type Place, type TargetId, targetKey, targets } from "./state.ts";

/** The detail is {@link EvaluationDue}. */
export const EVALUATION_DUE = "applicationautoscaling.EvaluationDue";

export interface EvaluationDue extends Place, TargetId {
  readonly number: number;
}

/** Has a target looked at; takes the place of what was asked for before and has not begun. */
export function requestEvaluation(
  tx: Transaction,
  place: Place,
  id: TargetId,
  options: { readonly boundsCause?: string } = {},
): void {
  const { accountId, region } = place;
  const { namespace, resourceId, dimension } = id;
  const target = targets.get(tx, targetKey(place, id));
  if (!target) return;
  // Limits that were changed are looked at, whatever else is asked for meanwhile.
  const boundsCause = options.boundsCause ?? target.evaluation?.boundsCause;
  const number = (target.evaluation?.number ?? 0) + 1;
  targets.put(tx, targetKey(place, id), {
    ...target,
    evaluation: { number, ...(boundsCause !== undefined && { boundsCause }) },
  });
  const detail: EvaluationDue = { accountId, region, namespace, resourceId, dimension, number };
  tx.emit({ type: EVALUATION_DUE, detail });
}
