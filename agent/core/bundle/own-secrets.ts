/** As they end: "AWS_SECRET_ACCESS_KEY", "--db-password", "NPM_TOKEN". */
const SECRET_NAME = /(?:password|passwd|passphrase|secret|token|key|credentials?|auth)$/i;
const PARAMETER = /[?&]([\w.-]+)=([^&#\s"']+)/g;
const USER_INFO = /:\/\/([^\s/?#@"']+(?:@[^\s/?#@"']+)*)@/g;

/**
 * What of a process's arguments and environment must not be shown: passwords in URLs, and values
 * whose names say so.
 */
export function secretsOfProcess(
  args: readonly string[],
  environment: Readonly<Record<string, string | undefined>>,
): readonly string[] {
  const assigned = args.flatMap((arg, at) => {
    const [name = "", ...value] = arg.split("=");
    if (value.length > 0) return [[name, value.join("=")] as const];
    return arg.startsWith("-") ? [[arg, args[at + 1] ?? ""] as const] : [];
  });
  const named = [...assigned, ...Object.entries(environment)].filter(([name]) => SECRET_NAME.test(name));
  const values = named.map(([, value]) => value ?? "").filter((value) => value !== "" && !value.startsWith("-"));
  return [...values, ...[...args, ...Object.values(environment)].flatMap((text) => secretsInUrls(text ?? ""))];
}

/**
 * Passwords, and parameters that are secrets by their name: as they are written, and as they were
 * meant.
 */
export function secretsInUrls(text: string): readonly string[] {
  const passwords = [...text.matchAll(USER_INFO)].map(([, userInfo = ""]) => userInfo.slice(userInfo.indexOf(":") + 1));
  const parameters = [...text.matchAll(PARAMETER)].filter(([, name = ""]) => SECRET_NAME.test(name));
  const written = [...passwords, ...parameters.map(([, , value = ""]) => value)];
  return [...new Set(written.flatMap((secret) => [secret, decoded(secret)]))];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
