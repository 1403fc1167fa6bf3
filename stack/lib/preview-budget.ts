import { Annotations } from 'aws-cdk-lib';
import * as budgets from 'aws-cdk-lib/aws-budgets';
import { Construct } from 'constructs';

export interface PreviewBudgetProps {
  /** What the account may cost a month, in US dollars; no budget is made without it. */
  readonly limitUsd?: number | undefined;
  /** Who is told by e-mail. */
  readonly email?: string | undefined;
  /** The topic that is told; its policy has to let `budgets.amazonaws.com` publish. */
  readonly topicArn?: string | undefined;
}

/**
 * A budget for the account, which holds previews and nothing else. It reports four fifths spent, and of a month that
 * will cost more than the limit; it stops nothing.
 * https://docs.aws.amazon.com/cost-management/latest/userguide/budgets-sns-policy.html
 *
 * CloudFormation does not know the type in every region, and fails in a member account whose payer has not enabled
 * budgets. So it can be left out.
 */
export class PreviewBudget extends Construct {
  constructor(scope: Construct, id: string, { limitUsd, email, topicArn }: PreviewBudgetProps) {
    super(scope, id);
    if (limitUsd === undefined) {
      Annotations.of(this).addWarningV2(
        'account:no-budget',
        "the account has no budget: make one by hand, in AWS's console under Billing and Cost Management, Budgets",
      );
      return;
    }
    const subscribers = [
      ...(email === undefined ? [] : [{ subscriptionType: 'EMAIL', address: email }]),
      ...(topicArn === undefined ? [] : [{ subscriptionType: 'SNS', address: topicArn }]),
    ];
    const notifications = [
      { notificationType: 'ACTUAL', threshold: 80 },
      { notificationType: 'FORECASTED', threshold: 100 },
    ].map((notification) => ({
      notification: { comparisonOperator: 'GREATER_THAN', thresholdType: 'PERCENTAGE', ...notification },
      subscribers,
    }));
    const budget = new budgets.CfnBudget(this, 'Budget', {
      budget: { budgetType: 'COST', timeUnit: 'MONTHLY', budgetLimit: { amount: limitUsd, unit: 'USD' } },
      ...(subscribers.length > 0 && { notificationsWithSubscribers: notifications }),
    });
    // The linter looks at regions that do not know the type, for the rest of the template.
    budget.addMetadata('cfn-lint', { config: { ignore_checks: ['E3006'] } });
    if (subscribers.length === 0) {
      Annotations.of(this).addWarningV2(
        'account:budget',
        'nobody is told when the account costs too much: pass -c budgetEmail=… or -c budgetTopic=…',
      );
    }
  }
}
