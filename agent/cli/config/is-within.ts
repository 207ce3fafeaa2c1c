/** Whether `path` is `directory` or lies under it; both plain absolute paths. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}
