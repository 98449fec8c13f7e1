package aws

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"

	"github.com/cloudlark/cloudlark/drivers/lb"
	"github.com/cloudlark/cloudlark/drivers/op"
)

// albRule sends some of the requests elsewhere: to members of its own, in a target
// group that belongs to the balancer as its first one does.
type albRule struct {
	Priority    int             `json:"priority" op:"required" help:"Its turn, from 1 to 50000: the first rule that matches decides."`
	Hosts       []string        `json:"hosts,omitzero" help:"For requests to these hosts: \"api.example.net\", \"*.example.net\"; to any if not given."`
	Paths       []string        `json:"paths,omitzero" help:"For these paths: \"/api/*\"; any if not given."`
	Members     []lb.NewMember  `json:"members,omitzero" help:"Who gets them: dicts of node or ip, and port. Not given, they are left as they are: to a service of ECS, say."`
	HealthCheck *lb.HealthCheck `json:"health_check,omitzero" help:"How a healthy member is told; the service's default if not given."`
}

// albUpdateExtra is what update_balancer takes beyond the contract.
type albUpdateExtra struct {
	Rules []albRule `json:"rules,omitzero" help:"What sends some of the requests to members of their own; update_balancer puts them in place of those that were given before, [] for none: dicts of the fields below."`
}

// A plannedRule is a rule that was looked at, in the API's terms.
type plannedRule struct {
	albRule
	conditions []types.RuleCondition
	targets    []types.TargetDescription
	check      *elb.ModifyTargetGroupInput
}

// plan looks at rules for a balancer on a port, before anything is done.
func (d *albDriver) plan(ctx context.Context, rules []albRule, network bool, vpc string, port int) ([]plannedRule, error) {
	if len(rules) > 0 && network {
		return nil, op.Errorf(op.InvalidArgument, "extra: rules are for http and https")
	}
	var all []plannedRule
	for i, r := range rules {
		refuse := func(format string, args ...any) ([]plannedRule, error) {
			return nil, op.Errorf(op.InvalidArgument, "extra: rules[%d]: %s", i, fmt.Sprintf(format, args...))
		}
		switch {
		case r.Priority < 1 || r.Priority > 50000:
			return refuse("priority is from 1 to 50000, not %d", r.Priority)
		case slices.ContainsFunc(rules[:i], func(other albRule) bool { return other.Priority == r.Priority }):
			return refuse("there are two of priority %d", r.Priority)
		case len(r.Hosts)+len(r.Paths) == 0:
			return refuse("it has neither hosts nor paths")
		}
		p := plannedRule{albRule: r}
		if len(r.Hosts) > 0 {
			p.conditions = append(p.conditions, types.RuleCondition{Field: aws.String("host-header"), HostHeaderConfig: &types.HostHeaderConditionConfig{Values: r.Hosts}})
		}
		if len(r.Paths) > 0 {
			p.conditions = append(p.conditions, types.RuleCondition{Field: aws.String("path-pattern"), PathPatternConfig: &types.PathPatternConditionConfig{Values: r.Paths}})
		}
		var err error
		if p.check, err = checkInput(r.HealthCheck, false); err != nil {
			return refuse("%s", op.AsError(err).Message)
		}
		if p.targets, err = d.targets(ctx, lb.CreateBalancer{Members: r.Members, Port: port}, vpc); err != nil {
			e := *op.AsError(err)
			e.Message = fmt.Sprintf("extra: rules[%d]: %s", i, e.Message)
			return nil, &e
		}
		all = append(all, p)
	}
	return all, nil
}

// rulePrefix is how the names of the target groups of a balancer's rules begin. A
// name has 32 characters at most.
func rulePrefix(l types.LoadBalancer) string {
	name, sum := aws.ToString(l.LoadBalancerName), sha256.Sum256([]byte(aws.ToString(l.LoadBalancerArn)))
	return fmt.Sprintf("%s-%x-", strings.TrimRight(name[:min(17, len(name))], "-"), sum[:4])
}

// newGroup makes a target group that belongs to a balancer.
func (d *albDriver) newGroup(ctx context.Context, balancer, name, vpc string, port int, protocol types.ProtocolEnum, check *elb.ModifyTargetGroupInput) (types.TargetGroup, error) {
	group := &elb.CreateTargetGroupInput{Name: &name, Port: aws.Int32(int32(port)), Protocol: protocol, VpcId: &vpc, TargetType: types.TargetTypeEnumIp,
		Tags: albTags(map[string]string{owner: balancer})}
	if check != nil {
		group.HealthCheckProtocol, group.HealthCheckPort, group.HealthCheckPath, group.Matcher = check.HealthCheckProtocol, check.HealthCheckPort, check.HealthCheckPath, check.Matcher
		group.HealthCheckIntervalSeconds, group.HealthCheckTimeoutSeconds = check.HealthCheckIntervalSeconds, check.HealthCheckTimeoutSeconds
		group.HealthyThresholdCount, group.UnhealthyThresholdCount = check.HealthyThresholdCount, check.UnhealthyThresholdCount
	}
	out, err := d.client.CreateTargetGroup(ctx, group)
	if err != nil {
		return types.TargetGroup{}, err
	}
	return out.TargetGroups[0], nil
}

// addRule makes a rule with its target group, or neither.
func (d *albDriver) addRule(ctx context.Context, l types.LoadBalancer, listener types.Listener, r plannedRule) (err error) {
	group, err := d.newGroup(ctx, aws.ToString(l.LoadBalancerName), rulePrefix(l)+strconv.Itoa(r.Priority), aws.ToString(l.VpcId), int(aws.ToInt32(listener.Port)), types.ProtocolEnumHttp, r.check)
	if err != nil {
		return err
	}
	defer func() {
		if err == nil {
			return
		}
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 30*time.Second)
		defer cancel()
		if _, uerr := d.client.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: group.TargetGroupArn}); uerr != nil {
			err = errors.Join(err, uerr)
		}
	}()
	if len(r.targets) > 0 {
		if _, err := d.client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: group.TargetGroupArn, Targets: r.targets}); err != nil {
			return err
		}
	}
	_, err = d.client.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: listener.ListenerArn, Priority: aws.Int32(int32(r.Priority)), Conditions: r.conditions,
		Actions: []types.Action{{Type: types.ActionTypeEnumForward, TargetGroupArn: group.TargetGroupArn}}})
	return err
}

// rules are those of a listener, but for its default.
func (d *albDriver) rules(ctx context.Context, listener types.Listener) ([]types.Rule, error) {
	var all []types.Rule
	for in := (&elb.DescribeRulesInput{ListenerArn: listener.ListenerArn}); ; {
		out, err := d.client.DescribeRules(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, r := range out.Rules {
			if !aws.ToBool(r.IsDefault) {
				all = append(all, r)
			}
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			return all, nil
		}
	}
}

// ruleGroup is the target group that a rule forwards to.
func ruleGroup(r types.Rule) string {
	for _, a := range r.Actions {
		if a.Type == types.ActionTypeEnumForward && a.TargetGroupArn != nil {
			return *a.TargetGroupArn
		}
	}
	return ""
}

// setRules gives a balancer rules in place of those that it was given before. New
// ones come first, and those that others made stay. Doing it again does no harm.
func (d *albDriver) setRules(ctx context.Context, w whole, wanted []plannedRule) error {
	there, err := d.rules(ctx, *w.listener)
	if err != nil {
		return err
	}
	own, err := d.owned(ctx, w.LoadBalancer)
	if err != nil {
		return err
	}
	// A rule to the balancer's members themselves is another's.
	own = slices.DeleteFunc(own, func(g string) bool { return g == aws.ToString(w.group.TargetGroupArn) })
	// What an update that failed in the middle left would be in the way of its repetition.
	for _, g := range own {
		if slices.ContainsFunc(there, func(r types.Rule) bool { return ruleGroup(r) == g }) {
			continue
		}
		if err := d.deleteGroup(ctx, g); err != nil {
			return err
		}
	}
	for _, r := range wanted {
		i := slices.IndexFunc(there, func(e types.Rule) bool {
			return aws.ToString(e.Priority) == strconv.Itoa(r.Priority) && slices.Contains(own, ruleGroup(e))
		})
		if i < 0 {
			err = d.addRule(ctx, w.LoadBalancer, *w.listener, r)
		} else {
			err = d.changeRule(ctx, there[i], r)
			there = slices.Delete(there, i, i+1)
		}
		if err != nil {
			return err
		}
	}
	for _, r := range there {
		group := ruleGroup(r)
		if !slices.Contains(own, group) {
			continue
		}
		if _, err := d.client.DeleteRule(ctx, &elb.DeleteRuleInput{RuleArn: r.RuleArn}); err != nil && !isKind(err, op.NotFound) {
			return err
		}
		if err := d.deleteGroup(ctx, group); err != nil {
			return err
		}
	}
	return nil
}

// changeRule makes a rule that is there as it shall be.
func (d *albDriver) changeRule(ctx context.Context, there types.Rule, r plannedRule) error {
	group := ruleGroup(there)
	if _, err := d.client.ModifyRule(ctx, &elb.ModifyRuleInput{RuleArn: there.RuleArn, Conditions: r.conditions}); err != nil {
		return err
	}
	if r.check != nil {
		check := *r.check
		check.TargetGroupArn = &group
		if _, err := d.client.ModifyTargetGroup(ctx, &check); err != nil {
			return err
		}
	}
	if r.Members == nil {
		return nil
	}
	health, err := d.client.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if err != nil {
		return err
	}
	same := func(a, b types.TargetDescription) bool {
		return aws.ToString(a.Id) == aws.ToString(b.Id) && aws.ToInt32(a.Port) == aws.ToInt32(b.Port)
	}
	var gone []types.TargetDescription
	for _, t := range health.TargetHealthDescriptions {
		if member("", t, nil).State == lb.Enabled && !slices.ContainsFunc(r.targets, func(w types.TargetDescription) bool { return same(w, *t.Target) }) {
			gone = append(gone, *t.Target)
		}
	}
	if len(r.targets) > 0 { // those that are there already stay as they are
		if _, err := d.client.RegisterTargets(ctx, &elb.RegisterTargetsInput{TargetGroupArn: &group, Targets: r.targets}); err != nil {
			return err
		}
	}
	if len(gone) > 0 {
		_, err = d.client.DeregisterTargets(ctx, &elb.DeregisterTargetsInput{TargetGroupArn: &group, Targets: gone})
	}
	return err
}

// show is a balancer, with its rules if it is an application load balancer.
func (d *albDriver) show(ctx context.Context, w whole) (lb.Balancer, error) {
	b := w.balancer()
	if w.listener == nil || w.Type != types.LoadBalancerTypeEnumApplication {
		return b, nil
	}
	rules, err := d.rules(ctx, *w.listener)
	if isKind(err, op.NotFound) {
		return b, nil
	}
	if err != nil {
		return b, err
	}
	slices.SortFunc(rules, byPriority)
	shown := make([]any, len(rules))
	for i, r := range rules {
		if shown[i], err = d.showRule(ctx, r); err != nil {
			return b, err
		}
	}
	b.Extra["rules"] = shown
	return b, nil
}

// showRule is a rule for extra, with the members that it has.
func (d *albDriver) showRule(ctx context.Context, r types.Rule) (map[string]any, error) {
	priority, _ := strconv.ParseInt(aws.ToString(r.Priority), 10, 64)
	shown, group := map[string]any{"id": aws.ToString(r.RuleArn), "priority": priority, "hosts": []any{}, "paths": []any{}}, ruleGroup(r)
	for _, c := range r.Conditions {
		switch {
		case c.HostHeaderConfig != nil:
			shown["hosts"] = plainList(c.HostHeaderConfig.Values)
		case c.PathPatternConfig != nil:
			shown["paths"] = plainList(c.PathPatternConfig.Values)
		}
	}
	if group == "" {
		return shown, nil
	}
	shown["target_group"] = group
	health, err := d.client.DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: &group})
	if isKind(err, op.NotFound) {
		return shown, nil
	}
	if err != nil {
		return nil, err
	}
	members := make([]any, len(health.TargetHealthDescriptions))
	for i, t := range health.TargetHealthDescriptions {
		m := member("", t, nil)
		members[i] = map[string]any{"id": m.ID, "ip": m.IP, "port": int64(m.Port), "state": string(m.State), "health": string(m.Health)}
	}
	shown["members"] = members
	return shown, nil
}

// owned are the target groups that were made for a balancer: of its name, or of
// one that its rules' have, and with the tag that says so. They are looked for by
// name, as what is used no more by a balancer is not among its own.
func (d *albDriver) owned(ctx context.Context, l types.LoadBalancer) ([]string, error) {
	name := aws.ToString(l.LoadBalancerName)
	var named []string
	for in := (&elb.DescribeTargetGroupsInput{}); ; {
		out, err := d.client.DescribeTargetGroups(ctx, in)
		if err != nil {
			return nil, err
		}
		for _, g := range out.TargetGroups {
			if n := aws.ToString(g.TargetGroupName); n == name || strings.HasPrefix(n, rulePrefix(l)) {
				named = append(named, aws.ToString(g.TargetGroupArn))
			}
		}
		if in.Marker = out.NextMarker; aws.ToString(in.Marker) == "" {
			break
		}
	}
	var arns []string
	for part := range slices.Chunk(named, 20) { // as many as describe_tags takes
		tags, err := d.client.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: part})
		if err != nil {
			return nil, err
		}
		for _, t := range tags.TagDescriptions {
			if slices.ContainsFunc(t.Tags, func(t types.Tag) bool { return aws.ToString(t.Key) == owner && aws.ToString(t.Value) == name }) {
				arns = append(arns, aws.ToString(t.ResourceArn))
			}
		}
	}
	return arns, nil
}

// deleteOwned deletes the target groups that were made for a balancer, which nobody
// may use any more.
func (d *albDriver) deleteOwned(ctx context.Context, l types.LoadBalancer) error {
	groups, err := d.owned(ctx, l)
	if err != nil {
		return err
	}
	for _, g := range groups {
		if err := d.deleteGroup(ctx, g); err != nil {
			return err
		}
	}
	return nil
}

func (d *albDriver) deleteGroup(ctx context.Context, arn string) error {
	_, err := d.client.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &arn})
	if isKind(err, op.NotFound) {
		return nil
	}
	return err
}

// byPriority sorts rules by their turn.
func byPriority(a, b types.Rule) int {
	m, _ := strconv.Atoi(aws.ToString(a.Priority))
	n, _ := strconv.Atoi(aws.ToString(b.Priority))
	return cmp.Compare(m, n)
}
