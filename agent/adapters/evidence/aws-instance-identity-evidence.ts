import { Secret } from "../../core/secret.ts";
import type { EvidenceSource } from "../../ports/evidence.ts";
import { IMDS, Imds } from "./aws/imds.ts";
import type { AwsPlaces } from "./aws/sts-caller.ts";
import { type Bounded, Budget } from "./metadata/budget.ts";
import { jsonObject } from "./metadata/json-object.ts";
import { sequenceFromBase64 } from "./metadata/signed-bytes.ts";
import { noEvidence } from "./no-evidence.ts";

const PATH = "/latest/dynamic/instance-identity/";

/**
 * The instance identity document with its RSA-2048 signature. It is bound to nothing, and whoever
 * has a copy may show it: for control planes that take nothing else of AWS. Source: the EC2 user
 * guide, "Instance identity documents".
 */
export function awsInstanceIdentityEvidence(options: Pick<AwsPlaces, "awsMetadataUrl"> & Bounded): EvidenceSource {
  return {
    kind: "aws-instance-identity",
    async gather(_challenge, _key, signal) {
      using budget = new Budget(options, signal);
      const imds = await Imds.open(options.awsMetadataUrl, budget);
      const [document, rsa2048] = await Promise.all([imds.get(`${PATH}document`), imds.get(`${PATH}rsa2048`)]);
      if (typeof jsonObject(document)?.["instanceId"] !== "string")
        throw noEvidence(`${IMDS} answered with something that is no instance identity document`);
      const signature = sequenceFromBase64(rsa2048);
      if (signature === undefined)
        throw noEvidence(`${IMDS} answered with something that is no whole PKCS#7 signature`);
      return {
        kind: "aws-instance-identity",
        document: new Secret<Uint8Array>(Buffer.from(document)),
        signature: new Secret(signature),
      };
    },
  };
}
