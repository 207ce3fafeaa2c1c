import { AgentError } from "../../../agent/core/errors.ts";

/**
 * Why there is no evidence. @throws {Error} if there is some, or the failure is of another kind.
 */
export async function refusalOf(gathering: Promise<unknown>): Promise<AgentError> {
  const failure = await gathering.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (failure instanceof AgentError && failure.code === "identity.no-evidence") return failure;
  throw new Error("There was no refusal for want of evidence", { cause: failure });
}
