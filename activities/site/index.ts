import type { SiteActivities } from '../contract.ts';
import { unsignedDecision } from '../../services/release-decision.ts';
import { acceptDecision } from './accept-decision.ts';
import { checkSite } from './check-site.ts';
import { adoptHost } from './adopt-host.ts';
import { closeAttachRule } from './close-attach-rule.ts';
import { grantCredential } from './credential/grant.ts';
import { installCredential } from './credential/install.ts';
import { currentStep } from './current-step.ts';
import { deleteVirtualMachine } from './delete-virtual-machine.ts';
import type { SiteDependencies, Step } from './dependencies.ts';
import { grantSmokeTest } from './deploy/grant-smoke-test.ts';
import { planDeployment } from './deploy/plan-deployment.ts';
import { settleServingRule } from './deploy/serving-rule.ts';
import { forgetDeployment, listDeployments, recordDeployment } from './deploy/record.ts';
import { discardRun } from './discard-run.ts';
import { enlargeMachine } from './enlarge-machine.ts';
import { enrolVirtualMachine } from './enrol-virtual-machine.ts';
import { grantData } from './grant-data.ts';
import { grantImage } from './grant-image.ts';
import { issueReceipt } from './issue-receipt.ts';
import { openAttachRule } from './open-attach-rule.ts';
import { planSweep } from './plan-sweep.ts';
import { planTraining } from './plan-training.ts';
import { deallocateVirtualMachine, inspectVirtualMachine } from './power.ts';
import { provisionVirtualMachine } from './provision-virtual-machine.ts';
import { standingApproval } from './standing-approval.ts';
import { openSite, type SiteSession } from './site-session.ts';

/** The site worker's activities. Each reads `site.yml` and its secrets anew: what the operator changed holds from the next step. */
export function createSiteActivities(dependencies: SiteDependencies): SiteActivities {
  const at = async <T>(run: (session: SiteSession, step: Step) => Promise<T>): Promise<T> =>
    run(await openSite(dependencies), (dependencies.step ?? currentStep)());
  return {
    planTraining: (request) => at((session, step) => planTraining(session, step, dependencies, request)),
    planSweep: (request) => at((session, step) => planSweep(session, step, request)),
    enlargeMachine: (plan) => at((session, step) => enlargeMachine(session, step, dependencies, plan)),
    provisionVirtualMachine: (machine) =>
      at((session, step) => provisionVirtualMachine(session, step, dependencies, machine)),
    enrolVirtualMachine: (machine) => at((session, step) => enrolVirtualMachine(session, step, dependencies, machine)),
    adoptHost: (machine) => at((session, step) => adoptHost(session, step, dependencies, machine)),
    openAttachRule: (machine) => at((session, step) => openAttachRule(session, step, machine)),
    closeAttachRule: (machine) => at((session, step) => closeAttachRule(session, step, machine)),
    inspectVirtualMachine: (machine) =>
      at((session, step) => inspectVirtualMachine(session, step, dependencies, machine)),
    deallocateVirtualMachine: (machine) => at((session, step) => deallocateVirtualMachine(session, step, machine)),
    deleteVirtualMachine: (machine) => at((session, step) => deleteVirtualMachine(session, step, machine)),
    grantCredential: (request) => at((session, step) => grantCredential(session, step, dependencies, request)),
    installCredential: (machine) => at((session, step) => installCredential(session, step, dependencies, machine)),
    grantImage: (request) => at((session, step) => grantImage(session, step, dependencies, request)),
    grantData: (request) => at((session, step) => grantData(session, step, dependencies, request)),
    writeDecision: ({ plan, inspection: { artifacts }, said }) =>
      Promise.resolve(unsignedDecision(said, plan, artifacts)),
    acceptDecision: (request) => at((session) => acceptDecision(session, dependencies, request)),
    standingApproval: (request) => at((session) => standingApproval(session, dependencies, request)),
    checkSite: (request) => checkSite(() => openSite(dependencies), dependencies, request),
    planDeployment: (request) => at((session, step) => planDeployment(session, step, request)),
    grantSmokeTest: (request) => at((session, step) => grantSmokeTest(session, step, dependencies, request)),
    settleServingRule: (request) => at((session, step) => settleServingRule(session, step, request)),
    recordDeployment: (request) => at((session) => recordDeployment(session, request)),
    forgetDeployment: (plan) => at((session) => forgetDeployment(session, plan)),
    listDeployments: () => at((session) => listDeployments(session)),
    discardRun: (request) => at((session) => discardRun(session, request)),
    issueReceipt: (evidence) => at((session) => issueReceipt(session, dependencies, evidence)),
  };
}
