/**
 * Lines of a Dockerfile with one RUN step, which busybox's shell carries out and whose /result the
 * client gets.
 */
export function recipe(script: string): readonly string[] {
  return [
    "FROM scratch AS work",
    "COPY busybox /bin/busybox",
    `RUN ["/bin/busybox", "sh", "-c", ${JSON.stringify(script)}]`,
    "FROM scratch",
    "COPY --from=work /result /",
  ];
}

/** A step that leaves `marker` in the cache, in a layer of its own. */
export function leaving(marker: string): readonly string[] {
  return recipe(`echo ${marker} > /kept-in-the-layer; sync; echo done > /result`);
}

/** Whether the RUN step came from the cache, by what buildctl says. */
export function wasCached(said: string): boolean {
  const step = /^(#\d+) \[work 2\/2\] RUN /m.exec(said)?.[1];
  if (step === undefined) throw new Error(`There is no RUN step in:\n${said}`);
  return said.split("\n").includes(`${step} CACHED`);
}
