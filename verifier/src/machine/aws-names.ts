import { Refused } from "../refusal.ts";

export const ACCOUNT = /^\d{12}$/;
export const INSTANCE_ID = /^i-[0-9a-f]{8,17}$/;
export const REGION = /^[a-z]{2}(?:-[a-z]+){1,3}-\d$/;

/** The same machine, whatever kind of evidence names it. */
export function awsInstance(account: string, instanceId: string): string {
  return `aws/${account}/${instanceId}`;
}

const ROLE_ARN = /^arn:aws(?:-[a-z]+)*:iam::(?<account>\d{12}):role\/[\x21-\x7e]{1,600}$/;
const INSTANCE_ARN =
  /^arn:aws(?:-[a-z]+)*:ec2:(?<region>[a-z]{2}(?:-[a-z]+){1,3}-\d):(?<account>\d{12}):instance\/(?<instanceId>i-[0-9a-f]{8,17})$/;
const SESSION_ARN =
  /^arn:aws(?:-[a-z]+)*:sts::(?<account>\d{12}):assumed-role\/(?<role>[\w+=,.@-]{1,64})\/(?<session>[\w+=,.@-]{2,64})$/;

/** @throws {Refused} "claims-inconsistent": it is not a role's. */
export function roleAccount(arn: string): string {
  const account = ROLE_ARN.exec(arn)?.groups?.["account"];
  if (account === undefined) throw new Refused("claims-inconsistent", "The subject is not the ARN of a role.");
  return account;
}

/** @throws {Refused} "malformed" */
export function parseInstanceArn(arn: string) {
  const { region, account, instanceId } = INSTANCE_ARN.exec(arn)?.groups ?? {};
  if (region === undefined || account === undefined || instanceId === undefined)
    throw new Refused("malformed", "What names the instance is not the ARN of one.");
  return { region, account, instanceId };
}

/** @throws {Refused} "claims-inconsistent": it is not an assumed role's. */
export function parseSessionArn(arn: string) {
  const { account, role, session } = SESSION_ARN.exec(arn)?.groups ?? {};
  if (account === undefined || role === undefined || session === undefined)
    throw new Refused("claims-inconsistent", "The caller is not a session of a role.");
  return { account, role, session };
}
