import { Secret } from "../../../core/secret.ts";
import { jsonObject } from "../metadata/json-object.ts";
import { noEvidence } from "../no-evidence.ts";
import { IMDS, type Imds } from "./imds.ts";

export interface RoleCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: Secret;
  readonly sessionToken: Secret;
}

const PATH = "/latest/meta-data/iam/security-credentials/";
const NO_ROLE = "this instance has no role: attach an instance profile with one";
/** IAM's characters for names. */
const ROLE = /^[\w+=,.@-]{1,64}$/;
const CODE = /^\w{1,64}$/;

/** Of the instance's role. @throws {AgentError} "identity.no-evidence" */
export async function roleCredentials(imds: Imds): Promise<RoleCredentials> {
  const role = (await imds.get(PATH, { 404: NO_ROLE })).trim();
  if (role === "") throw noEvidence(`${IMDS} names no role: ${NO_ROLE}`);
  if (!ROLE.test(role)) throw noEvidence(`${IMDS} answered with something that is no role's name`);
  const text = await imds.get(`${PATH}${role}`, { 404: "the role has just been changed; it is asked again" });
  const answer = jsonObject(text);
  if (answer === undefined) throw noEvidence(`${IMDS} answered with no credentials for the role ${role}`);
  const { Code: code, AccessKeyId: id, SecretAccessKey: secret, Token: token } = answer;
  if (code !== "Success") {
    const shown = typeof code === "string" && CODE.test(code) ? code : "without a reason";
    throw noEvidence(`${IMDS} has no credentials for the role ${role} (${shown}): may EC2 assume it?`);
  }
  if (isText(id) && isText(secret) && isText(token))
    return { accessKeyId: id, secretAccessKey: new Secret(secret), sessionToken: new Secret(token) };
  throw noEvidence(`${IMDS} answered with credentials for the role ${role} that are not whole`);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
