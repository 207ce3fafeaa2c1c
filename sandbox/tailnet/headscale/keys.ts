import type { KeyOrder } from "../api/coordination.ts";
import { askHeadscale, authKeyShape } from "./command-line.ts";

/** How a running headscale is asked, by whoever may open its socket. */
export interface RunningHeadscale {
  readonly program: string;
  readonly configFile: string;
  /** Whose keys they are. */
  readonly userId: number;
}

export async function createAuthKey(
  { program, configFile, userId }: RunningHeadscale,
  { tags, ephemeral, reusable, expiresAt }: KeyOrder,
): Promise<{ readonly id: string; readonly key: string }> {
  const lifetimeMs = Math.max(1, expiresAt.getTime() - Date.now());
  const answer = await askHeadscale(program, configFile, [
    ...["preauthkeys", "create", "--user", `${userId}`, "--expiration", `${lifetimeMs}ms`],
    ...(ephemeral ? ["--ephemeral"] : []),
    ...(reusable ? ["--reusable"] : []),
    ...(tags.length > 0 ? ["--tags", tags.join(",")] : []),
  ]);
  const { id, key } = authKeyShape.parse(answer);
  return { id: `${id}`, key };
}
