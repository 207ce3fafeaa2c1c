/** Where Debian keeps the programs that root runs. */
const SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin";

/**
 * The whole environment of a program that we run as root: where it and its own programs are found,
 * and English answers. `path` is this process's PATH, which a unit fixes. Folders that are not
 * absolute are left out, because their programs would depend on the working directory. Without any
 * folder, Debian's own are used.
 */
export function programEnvironment(path: string | undefined): { readonly PATH: string; readonly LC_ALL: "C" } {
  const folders = (path ?? "").split(":").filter((folder) => folder.startsWith("/"));
  return { PATH: folders.length > 0 ? folders.join(":") : SYSTEM_PATH, LC_ALL: "C" };
}
