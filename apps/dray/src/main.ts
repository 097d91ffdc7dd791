#!/usr/bin/env node
import "./compile-cache.ts";
import { ExitCode } from "./exit-code.ts";
import { surviveClosedPipes } from "./output/closed-pipe.ts";
import { program } from "./program.ts";

surviveClosedPipes();
await program()
  .parseAsync()
  .catch((cause: unknown) => {
    // Not even the command could be loaded: everything later is caught, and told, by runCommand.
    process.stderr.write(
      `dray: a fault of Drayage, please report it:\n${cause instanceof Error ? cause.stack : cause}\n`,
    );
    process.exitCode = ExitCode.defect;
  });
