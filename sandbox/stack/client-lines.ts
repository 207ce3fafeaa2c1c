import type { OpenedBuildFiles } from "../admin/request.ts";

/** Arguments that point buildctl at an open build. */
export function buildctlArguments(build: OpenedBuildFiles): readonly string[] {
  return [
    ...["--addr", build.endpoint],
    ...["--tlscacert", build.caFile],
    ...["--tlscert", build.certFile],
    ...["--tlskey", build.keyFile],
    ...["--tlsservername", build.serverName],
  ];
}

/** Arguments of `docker buildx` that make a builder of it. */
export function buildxArguments(build: OpenedBuildFiles): readonly string[] {
  const { caFile, certFile, keyFile, serverName } = build;
  const options = `cacert=${caFile},cert=${certFile},key=${keyFile},servername=${serverName}`;
  return ["create", "--name", build.buildId, "--driver", "remote", "--driver-opt", options, build.endpoint];
}

/** As a shell takes it. */
export function shellLine(words: readonly string[]): string {
  return words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(" ");
}

/** The same over several lines, an option and its value on each. */
export function shellLines(words: readonly string[]): string {
  return words.reduce((line, word) => {
    const separator = word.startsWith("--") ? " \\\n    " : " ";
    return line === "" ? word : `${line}${separator}${shellLine([word])}`;
  }, "");
}
