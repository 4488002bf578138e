import { condition, defineUpdate, setHandler, workflowInfo } from '@temporalio/workflow';
import type { Failure } from '../domain/failure.ts';
import { doubts, type Inspection } from '../domain/release.ts';
import { UPDATE } from '../domain/signals.ts';
import { GivenDecision, type DecisionPredicate, type Envelope, type Standing } from '../domain/statement.ts';
import type { TrainingPlan } from '../domain/training-plan.ts';
import { failWith, toFailure } from './failure.ts';
import type { Progress } from './status.ts';
import { siteSteps } from './steps.ts';

/** A decision that the site has verified, and the envelope that proves it. */
interface Decided {
  readonly envelope: Envelope;
  readonly decision: DecisionPredicate;
}

/** Where a site asks for approval: nothing leaves before one of its approvers has signed for exactly these files. */
export class ReleaseGate {
  #waitsFor: { readonly plan: TrainingPlan; readonly inspection: Inspection } | undefined;
  #decided: Decided | undefined;

  constructor() {
    const decide = defineUpdate<{ by: string; decision: string }, [unknown]>(UPDATE.decideRelease);
    setHandler(decide, (value) => this.#decide(value), {
      validator: (value) => this.#validate(value),
      description:
        'From an approver: a signed decision on the release, as `edge-train approve` and `reject` send it; or {"decision": "approve", "reason": "…"} where the site takes unsigned ones.',
    });
  }

  /** Waits for a decision, however long. Returns the approval; a rejection is a failure of class policy. */
  async approval(plan: TrainingPlan, inspection: Inspection, progress: Progress): Promise<Envelope> {
    this.#waitsFor = { plan, inspection };
    return progress.step(
      'approve',
      async () => {
        progress.waitsForApproval(inspection, advice(plan), standingOn(plan, inspection));
        try {
          await condition(() => this.#decided !== undefined);
        } finally {
          progress.waitsForApproval(undefined);
          this.#waitsFor = undefined;
        }
        const { envelope, decision } = this.#decided as Decided;
        if (decision.decision === 'reject') throw failWith(rejected(decision));
        return envelope;
      },
      () => `approved by ${this.#decided?.decision.by}: ${this.#decided?.decision.reason}`,
    );
  }

  #validate(value: unknown): void {
    if (!this.#waitsFor || this.#decided) throw failWith(notWaiting(this.#decided?.decision));
    if (!GivenDecision.safeParse(value).success) throw failWith(noDecision);
  }

  async #decide(value: unknown): Promise<{ by: string; decision: string }> {
    const about = this.#waitsFor;
    if (!about) throw failWith(notWaiting(this.#decided?.decision));
    const { envelope, decision } = await this.#accepted(GivenDecision.parse(value), about).catch((error: unknown) => {
      throw failWith(toFailure(error));
    });
    if (this.#decided || !this.#waitsFor) throw failWith(notWaiting(this.#decided?.decision));
    this.#decided = { envelope, decision };
    return { by: decision.by, decision: decision.decision };
  }

  /** Where nobody signed, the site writes the decision down before it judges it like any other. */
  async #accepted(given: GivenDecision, about: { plan: TrainingPlan; inspection: Inspection }): Promise<Decided> {
    const envelope = 'payload' in given ? given : await siteSteps().writeDecision({ ...about, said: given });
    return { envelope, decision: await siteSteps().acceptDecision({ ...about, envelope }) };
  }
}

/** What an approval would say of later releases; the site knows better, and looks. */
function standingOn({ release, recipe }: TrainingPlan, inspection: Inspection): Standing | undefined {
  return release.approval?.when === 'first' && recipe ? { recipe, doubts: doubts(release, inspection) } : undefined;
}

function advice({ release }: TrainingPlan): string {
  const { approvers = {}, unsigned = false } = release.approval ?? {};
  const byHand = unsigned ? `; or the update ${UPDATE.decideRelease} in the Temporal UI` : '';
  return `waits for ${Object.keys(approvers).join(' or ')}: edge-train approve ${workflowInfo().workflowId} --reason "…", or reject${byHand}`;
}

const rejected = ({ by, reason }: DecisionPredicate): Failure => ({
  class: 'policy',
  type: 'ReleaseRejected',
  cause: `${by} rejected the release: ${reason}`,
  nextStep: 'The model and all outputs are kept on site. Meet the reason, and start the run again.',
});

const notWaiting = (decision: DecisionPredicate | undefined): Failure => ({
  class: 'input',
  type: 'InvalidInput',
  cause: decision ? `${decision.by} has decided already: ${decision.decision}` : 'the run waits for no approval now',
  nextStep: 'See how the run stands with `edge-train status`.',
});

const noDecision: Failure = {
  class: 'input',
  type: 'InvalidInput',
  cause: 'a decision is a DSSE envelope over a release decision, or {"decision": "approve" or "reject", "reason": …}',
  nextStep: 'Decide with `edge-train approve` or `edge-train reject`.',
};
