import type { Config } from "@drayage/config";
import { deliveryMigrations } from "@drayage/delivery";
import { type DatabaseFailure, eventLogMigrations } from "@drayage/event-log";
import { databaseOf } from "@drayage/runtime";
import { type CliError, unable } from "../cli-error.ts";

/** Database and log of a configuration. A `guest` starts nothing and stops nothing. */
export const databaseLayer = (config: Config, observer: "owner" | "guest") =>
  databaseOf(config, [eventLogMigrations, deliveryMigrations], observer, "dray");

/** What a person is told when the database cannot be had. */
export const noDatabase = (error: DatabaseFailure): CliError => unable(error.message);
