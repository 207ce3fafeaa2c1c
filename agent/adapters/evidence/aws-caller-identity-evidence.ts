import { Secret } from "../../core/secret.ts";
import type { EvidenceSource } from "../../ports/evidence.ts";
import { signForSts } from "./aws/sign-for-sts.ts";
import { type AwsPlaces, stsCaller } from "./aws/sts-caller.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";

/** Contract, `AwsPresignedCallerIdentity`. */
const BODY = "Action=GetCallerIdentity&Version=2011-06-15";
const BINDING = "x-builder-agent-binding";

/**
 * A call of STS that the control plane makes in our name; STS takes it for 15 minutes. It proves
 * the role. Nothing is sent to STS from here.
 */
export function awsCallerIdentityEvidence(options: AwsPlaces & Bounded): EvidenceSource {
  return {
    kind: "aws-caller-identity",
    async gather({ nonce }, { spkiSha256 }, signal) {
      using budget = new Budget(options, signal);
      const caller = await stsCaller(options, budget);
      const binding = Buffer.concat([nonce, Buffer.from(spkiSha256, "hex")]).toString("base64url");
      const headers = await signForSts(caller, BODY, { [BINDING]: binding });
      return {
        kind: "aws-caller-identity",
        url: caller.stsUrl.href,
        headers: Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, new Secret(value)])),
      };
    },
  };
}
