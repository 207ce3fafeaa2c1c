/**
 * What buildkitd needs from outside: programs, a home, temporary space, and the way to registries. Nothing else passes, so that neither our own
 * credentials nor somebody's BUILDKIT_… or OTEL_… change what it does.
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

export function daemonEnvironment(ours: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(PASSED.flatMap((name) => (ours[name] === undefined ? [] : [[name, ours[name]]])));
}
