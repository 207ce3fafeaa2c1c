import { resolve } from "node:path";
import { readClaim } from "../../admin/claim.ts";
import { askSandbox } from "../../admin/client.ts";
import { grantedTailnet, withdrawnTailnet } from "../../admin/request.ts";
import type { ProjectRef } from "../../control-plane/project-ref.ts";
import { EXIT, type ExitCode, SandboxFailure } from "../../failure.ts";
import { createAuthKey } from "../../tailnet/headscale/keys.ts";
import { builderKey } from "../../tailnet/policy.ts";
import { readTailnet, type TailnetRecord } from "../../tailnet/record.ts";
import type { Terminal } from "../../terminal/terminal.ts";
import type { InDir } from "../builds.ts";

export interface GrantOptions extends InDir, ProjectRef {
  readonly required?: boolean;
  readonly acceptRoutes?: boolean;
  readonly oauth?: boolean;
  readonly authKey?: boolean;
}

/** Returns when the sandbox's machine is a node, or has said why it is not. */
export async function grant(options: GrantOptions, { out, err }: Terminal): Promise<ExitCode> {
  const dir = resolve(options.dir);
  if (options.oauth === true && options.authKey === true)
    throw new SandboxFailure(EXIT.usage, "Either --oauth or --auth-key: a machine joins by one of them.");
  const record = await readTailnet(dir);
  await checkReach(dir, record);
  const { coordinationUrl, apiUrl, tags } = record;
  const { org, project, required = false, acceptRoutes = false } = options;
  const credential = await credentialOf(record, options.authKey === true);
  const order = { org, project, coordinationUrl, apiUrl, tags, required, acceptRoutes, credential };
  const answer = grantedTailnet.parse(await askSandbox(dir, { verb: "tailnet-grant", ...order }));
  if (options.json === true) out(JSON.stringify(answer, null, 2));
  else if (answer.joined) out(`Joined after ${answer.tookMs} ms, as ${answer.name} (${answer.addresses.join(", ")}).`);
  else err(`Not joined: ${answer.reason}`);
  return answer.joined ? EXIT.ok : EXIT.unavailable;
}

/** Returns when the sandbox's machine is no node any more. */
export async function withdraw(options: InDir & ProjectRef, { out }: Terminal): Promise<void> {
  const { org, project } = options;
  const answer = await askSandbox(resolve(options.dir), { verb: "tailnet-withdraw", org, project });
  const { tookMs } = withdrawnTailnet.parse(answer);
  if (options.json === true) out(JSON.stringify({ tookMs }, null, 2));
  else out(`Left after ${tookMs} ms.`);
}

/** @throws {SandboxFailure} if the sandbox's machine has no cable to this tailnet. */
async function checkReach(dir: string, { sandboxPid }: TailnetRecord): Promise<void> {
  const claim = await readClaim(dir);
  if (claim === undefined || claim.pid === sandboxPid) return;
  const message = "This tailnet is not reached by the sandbox that is up here: end it, and start it while that is up.";
  throw new SandboxFailure(EXIT.unavailable, message);
}

async function credentialOf({ headscale, clientId, clientSecret }: TailnetRecord, byKey: boolean) {
  if (!byKey) return { kind: "oauth-client", clientId, clientSecret } as const;
  return { kind: "auth-key", authKey: (await createAuthKey(headscale, builderKey())).key } as const;
}
