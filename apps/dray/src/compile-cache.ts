/**
 * What V8 made of our modules is kept, so that the next command starts about 50 ms sooner. In a folder of the user's own: code that is run
 * from a shared one could be somebody else's. Where it cannot be written, nothing is kept.
 */
import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

enableCompileCache(join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "drayage", "compiled"));
