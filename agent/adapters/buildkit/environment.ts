/**
 * What buildkitd needs from outside: programs, a home, temporary space, and the way to registries.
 * Nothing else passes, so that neither our own credentials nor somebody's BUILDKIT_… or OTEL_…
 * change what it does.
 */
const PASSED: readonly string[] = [
  "PATH",
  "HOME",
  "TMPDIR",
  "SSL_CERT_FILE",
  "SSL_CERT_DIR",
  "HTTP_PROXY",
  "HTTPS_PROXY",
  "NO_PROXY",
  "http_proxy",
  "https_proxy",
  "no_proxy",
];

/** `configured`: what its configuration wants there. */
export function daemonEnvironment(
  ours: NodeJS.ProcessEnv,
  configured: Readonly<Record<string, string>>,
): NodeJS.ProcessEnv {
  const passed = PASSED.flatMap((name) => (ours[name] === undefined ? [] : [[name, ours[name]] as const]));
  return { ...Object.fromEntries(passed), ...configured };
}

/** The same for systemd's `EnvironmentFile=`: plain words and whole numbers need no quotes. */
export function environmentFile(configured: Readonly<Record<string, string>>): string {
  return Object.entries(configured)
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}
