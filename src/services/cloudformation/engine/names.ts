/** Physical names: `stack-Logical-1HXC4R0Q2MZP`. */

export interface NameParts {
  readonly stackName: string;
  readonly logicalId: string;
  /** Random letters and digits, the same for every retry of one creation. */
  readonly token: string;
}

/**
 * Shortens the stack's name first to half of the room, then the logical id to what is left: the token is never cut.
 * @param lengthMax of the whole name, suffix included
 */
export function physicalName(
  parts: NameParts,
  lengthMax: number,
  options: { readonly lowerCase?: boolean; readonly suffix?: string } = {},
): string {
  const suffix = options.suffix ?? "";
  const room = lengthMax - suffix.length - parts.token.length - 2;
  const stackRoom = Math.max(Math.floor(room / 2), room - parts.logicalId.length);
  const stackName = parts.stackName.slice(0, stackRoom).replace(/-+$/, "");
  const logicalId = parts.logicalId.slice(0, room - stackName.length);
  const name = `${stackName}-${logicalId}-${parts.token}${suffix}`;
  return options.lowerCase ? name.toLowerCase() : name;
}

/** The id of a custom resource that never told its own: what is sent with the Delete of a failed creation. */
export function standIn(stackName: string, task: { readonly logicalId: string; readonly nameToken: string }): string {
  return physicalName({ stackName, logicalId: task.logicalId, token: task.nameToken }, 128);
}
