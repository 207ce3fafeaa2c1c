import { secretsInUrls } from "../../core/bundle/own-secrets.ts";
import { CONTRACT_LIMITS } from "../../core/contract-limits.ts";
import { alsoSecret, Secret } from "../../core/secret.ts";
import type { TailnetCredential, TailnetWish } from "../../core/tailnet/wish.ts";
import type { Tailnet } from "./gen/builder/agent/v1/desired_state.ts";
import { requireAtMost } from "./scalars-from-proto.ts";

/**
 * Little is refused here: a tailnet that cannot be joined is told by its own check.
 * @throws {ContractBreach} if it has more tags than the contract allows.
 */
export function tailnetFromProto({ grantId, coordinationUrl, apiUrl, credential, ...rest }: Tailnet): TailnetWish {
  requireAtMost("tailnet.tags", rest.tags.length, CONTRACT_LIMITS.tailnetTags);
  for (const secret of [coordinationUrl, apiUrl].flatMap(secretsInUrls)) alsoSecret(secret);
  return {
    grantId,
    ...(coordinationUrl !== "" && { coordinationUrl }),
    ...(apiUrl !== "" && { apiUrl }),
    credential: credentialFromProto(credential),
    tags: rest.tags,
    acceptRoutes: rest.acceptRoutes,
    required: rest.required,
  };
}

function credentialFromProto(credential: Tailnet["credential"]): TailnetCredential {
  switch (credential?.$case) {
    case undefined:
      return { kind: "none" };
    case "authKey":
      return { kind: "auth-key", key: new Secret(credential.value) };
    case "oauthClient": {
      const { clientId, clientSecret } = credential.value;
      return { kind: "oauth-client", clientId, clientSecret: new Secret(clientSecret) };
    }
    case "workloadIdentity":
      return { kind: "workload-identity", ...credential.value };
    default:
      return credential satisfies never;
  }
}
