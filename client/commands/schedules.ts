import { Option, type Command } from 'commander';
import { config, examples, json, site, type Done } from './options.ts';
import { addTrainingOptions } from './runs.ts';

/** As domain/schedule.ts has them; written out here, since help must not wait for schemas. */
const OVERLAPS = ['skip', 'buffer-one', 'buffer-all', 'cancel-other', 'terminate-other', 'allow-all'];
const overlap = () =>
  new Option('--overlap <policy>', 'when the last run still goes on').choices(OVERLAPS).default('skip');

/** Runs that start by themselves: Temporal schedules. */
export function addScheduleCommands(program: Command, done: Done): void {
  const schedule = program.command('schedule').description('runs that start by themselves');

  const create = schedule
    .command('create')
    .description('start a training again and again; its code is sent now')
    .argument('<name>', 'what the schedule is called; it stands in the id of each of its runs')
    .argument('<file>', 'training.yml or an Azure ML CLI v2 command job')
    .option('--cron <expression>', 'five fields; the days of the month and of the week must both match')
    .option('--every <interval>', 'such as 12h or 1d, counted from midnight UTC')
    .option('--time-zone <name>', 'of --cron, such as Europe/Berlin; default: UTC')
    .addOption(overlap())
    .option('--catchup-window <time>', 'how late a start may be after an outage of Temporal', '1d')
    .option('--pause-on-failure', 'pause the schedule when a run fails')
    .option('--paused', 'make it, and let it rest until `schedule resume`')
    .option('--note <text>', 'a line for whoever looks at it');
  addTrainingOptions(create)
    .addOption(json())
    .addOption(config())
    .addHelpText(
      'after',
      examples(
        "schedule create nightly training.yml --cron '0 3 * * *' --time-zone Europe/Berlin",
        'schedule create weekly job.yml --site demo --model heart --every 7d --pause-on-failure',
      ),
    )
    .action(async (name: string, file: string, options) =>
      done(await (await import('../schedule/create.ts')).createSchedule(name, file, options)),
    );

  schedule
    .command('list')
    .description('schedules, and when they start next')
    .addOption(site())
    .addOption(json())
    .addOption(config())
    .addHelpText('after', examples('schedule list'))
    .action(async (options) => done(await (await import('../schedule/change.ts')).listSchedules(options)));

  onSchedule(schedule, 'describe', 'what a schedule starts, when, and what it has started')
    .addHelpText('after', examples('schedule describe nightly'))
    .action(async (name: string, options) =>
      done(await (await import('../schedule/change.ts')).describeSchedule(name, options)),
    );
  onSchedule(schedule, 'pause', 'start nothing until it is resumed; what runs goes on')
    .option('--note <text>', 'why')
    .addHelpText('after', examples('schedule pause nightly --note "until the data is repaired"'))
    .action(async (name: string, options) =>
      done(await (await import('../schedule/change.ts')).pauseSchedule(name, options)),
    );
  onSchedule(schedule, 'resume', 'start again as the schedule says; what was missed stays missed')
    .option('--note <text>', 'why')
    .addHelpText('after', examples('schedule resume nightly'))
    .action(async (name: string, options) =>
      done(await (await import('../schedule/change.ts')).resumeSchedule(name, options)),
    );
  onSchedule(schedule, 'trigger', 'start one run now; exit 1 when it was skipped since one goes on')
    .addOption(overlap())
    .addHelpText('after', examples('schedule trigger nightly', 'schedule trigger nightly --overlap buffer-one'))
    .action(async (name: string, options) =>
      done(await (await import('../schedule/trigger.ts')).triggerSchedule(name, options)),
    );
  onSchedule(schedule, 'delete', 'remove a schedule; runs that it has started go on')
    .addHelpText('after', examples('schedule delete nightly'))
    .action(async (name: string, options) =>
      done(await (await import('../schedule/change.ts')).deleteSchedule(name, options)),
    );
}

/** A command on one schedule. */
function onSchedule(schedule: Command, name: string, description: string): Command {
  return schedule
    .command(name)
    .description(description)
    .argument('<name>', 'as `schedule list` shows it')
    .addOption(site())
    .addOption(json())
    .addOption(config());
}
