import type { Budget } from "../metadata/budget.ts";
import { noEvidence } from "../no-evidence.ts";
import { IMDS, Imds } from "./imds.ts";
import { type RoleCredentials, roleCredentials } from "./role-credentials.ts";

export interface AwsPlaces {
  readonly awsMetadataUrl: string;
  /** Another place than the region's own STS, for instance a VPC endpoint. */
  readonly stsUrl?: string | undefined;
}

/** What it takes to sign for STS as this instance's role. */
export interface StsCaller {
  readonly region: string;
  readonly stsUrl: URL;
  readonly credentials: RoleCredentials;
}

const REGION = /^[a-z]{2,4}(?:-[a-z]{2,16})+-\d{1,2}$/;
/** "amazonaws.com", "amazonaws.com.cn" and the like. */
const DOMAIN = /^[a-z0-9-]+(?:\.[a-z0-9-]+)+$/;

/**
 * Asks the instance where it is and as whom it may sign. @throws {AgentError}
 * "identity.no-evidence"
 */
export async function stsCaller({ awsMetadataUrl, stsUrl }: AwsPlaces, budget: Budget): Promise<StsCaller> {
  const imds = await Imds.open(awsMetadataUrl, budget);
  const [region, domain, credentials] = await Promise.all([
    imds.get("/latest/meta-data/placement/region"),
    imds.get("/latest/meta-data/services/domain"),
    roleCredentials(imds),
  ]);
  if (!REGION.test(region) || !DOMAIN.test(domain))
    throw noEvidence(`${IMDS} answered with something that is no region or no domain of AWS`);
  // The global endpoint gives no web identity tokens.
  return { region, stsUrl: new URL("/", stsUrl ?? `https://sts.${region}.${domain}`), credentials };
}
